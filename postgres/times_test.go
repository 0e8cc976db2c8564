package postgres

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestTimes reads times as tables have them: what an event has, and in which year
// it happened; 0 is none.
func TestTimes(t *testing.T) {
	const sec, ms = 1_700_000_000, 1_700_000_000_123
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		for typ, values := range map[string]map[string]int64{
			"bigint": {
				"1700000000": sec, "1700000000123": ms, "1700000000123456": ms, "1700000000123456789": ms,
				"-99999999999": 0, "-9223372036854775808": -9_223_372_036_854,
			},
			"integer": {"1700000000": sec, "-2147483648": -1 << 31},
			"float8": {
				"1700000000.123": ms, "1700000000.9": sec*1000 + 900, "1700000000": sec * 1000, "1700000000123": ms, "1700000000123456": ms,
				"'NaN'": 0, "'Infinity'": 0, "'-Infinity'": 0, "1e300": 0, "-1e300": 0, "-7e10": 0,
			},
			"numeric": {
				"1700000000.123456": ms, "1700000000123.4": ms, "1700000000123456": ms, "1700000000123456789": ms,
				"'NaN'": 0, "'Infinity'": 0, "'-Infinity'": 0, "1e300": 0, "-9e10": 0,
			},
			"timestamptz": {"'2023-11-14 22:13:20.123Z'": ms, "'infinity'": 0, "'-infinity'": 0, "'4713-01-01 BC'": 0, "'294276-01-01'": 0},
			"timestamp":   {"'2023-11-14 22:13:20.123'": ms, "'infinity'": 0, "'-infinity'": 0},
		} {
			a.exec(t, `TRUNCATE vibe_events; ALTER TABLE vibe_events DROP event_time; ALTER TABLE vibe_events ADD event_time `+typ)
			s := opened(t, a.dsn)
			f := follow(t, s)
			for value, want := range values {
				a.exec(t, `DELETE FROM vibe_events`)
				a.exec(t, `INSERT INTO vibe_events (task_id, event_message, event_time) VALUES ('job', 'm', `+value+`)`)
				tick, err := f.tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
				if err != nil {
					t.Fatal(err)
				}
				page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 1 << 40}})
				if err != nil {
					t.Fatal(err)
				}
				recent, err := s.Recent(t.Context(), 1)
				if err != nil {
					t.Fatal(err)
				}
				for what, events := range map[string][]joblog.Event{"tick": tick.Events, "page": page.Events, "recent": recent} {
					if len(events) != 1 || events[0].Time != want {
						t.Errorf("%s %s, %s: %+v, want the time %d", typ, value, what, events, want)
					}
				}
			}
		}
	})
}

// TestWriteTimes writes times as those that are there.
func TestWriteTimes(t *testing.T) {
	at := time.Date(2026, 11, 30, 12, 0, 0, int(250*time.Millisecond), time.UTC)
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		for _, c := range []struct{ typ, there, want string }{
			{"bigint", "NULL", "1796040000250"},
			{"bigint", "1700000000", "1796040000"},
			{"bigint", "1700000000123", "1796040000250"},
			{"bigint", "1700000000123456", "1796040000250000"},
			{"bigint", "1700000000123456789", "1796040000250000000"},
			{"integer", "NULL", "1796040000"},
			{"float8", "1700000000", "1796040000.25"},
			{"float8", "1700000000.5", "1796040000.25"},
			{"float8", "1700000000123.5", "1796040000250"},
			{"float8", "'NaN'", "1796040000250"},
			{"numeric", "1700000000.5", "1796040000.25"},
			{"numeric", "1700000000123456", "1796040000250000"},
			{"numeric", "1e400", "1796040000250"},
			{"numeric", "1e-400", "1796040000.25"},
			{"timestamptz", "NULL", "2026-11-30 12:00:00.25+00"},
			{"timestamp", "'2020-01-01'", "2026-11-30 12:00:00.25"},
		} {
			a.exec(t, `TRUNCATE vibe_events; ALTER TABLE vibe_events DROP event_time; ALTER TABLE vibe_events ADD event_time `+c.typ)
			s := opened(t, a.dsn)
			a.exec(t, `INSERT INTO vibe_events (task_id, event_message, event_time) VALUES ('job', 'm', `+c.there+`)`)
			ids, err := s.Append(t.Context(), joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "m", Time: at.UnixMilli()}}})
			if err != nil {
				t.Errorf("%s beside %s: %v", c.typ, c.there, err)
				continue
			}
			var got string
			if err := a.pool.QueryRow(t.Context(), `SELECT event_time::text FROM vibe_events WHERE event_id = $1`, ids[0]).Scan(&got); err != nil {
				t.Fatal(err)
			}
			if c.typ == "numeric" && strings.Contains(got, ".") {
				got = strings.TrimRight(strings.TrimRight(got, "0"), ".")
			}
			if got != c.want {
				t.Errorf("%s beside %s: %s, want %s", c.typ, c.there, got, c.want)
			}
		}
	})
}
