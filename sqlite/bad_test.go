package sqlite

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// viewSchema has the events in a table below, of which %s makes the view.
const viewSchema = `PRAGMA journal_mode = WAL;
CREATE TABLE vibe_tasks (task_id TEXT PRIMARY KEY, execution_state TEXT NOT NULL, tenant_id TEXT);
CREATE TABLE below (id INTEGER PRIMARY KEY AUTOINCREMENT, job TEXT NOT NULL, data TEXT, at INTEGER);
CREATE INDEX by_job ON below (job%s);
CREATE VIEW vibe_events AS %s`

// badViews fail at a row whose data is bad.
var badViews = map[string]struct{ view, good, bad string }{
	"message": {
		"SELECT id AS event_id, job AS task_id, json_extract(data, '$.m') AS event_message, NULL AS severity, at AS event_time FROM below",
		`{"m":"line"}`, `{"m":`,
	},
	"severity": {
		"SELECT id AS event_id, job AS task_id, 'line' AS event_message, data ->> 's' AS severity, at AS event_time FROM below",
		`{"s":"info"}`, `no`,
	},
	"time": {
		"SELECT id AS event_id, job AS task_id, 'line' AS event_message, NULL AS severity, abs(CAST(data AS INTEGER)) AS event_time FROM below",
		"5", "-9223372036854775808",
	},
	"condition": {
		"SELECT id AS event_id, job AS task_id, 'line' AS event_message, NULL AS severity, at AS event_time FROM below WHERE json_extract(data, '$.m') = 'line'",
		`{"m":"line"}`, `{"m":`,
	},
	"too big": {
		"SELECT id AS event_id, job AS task_id, CASE data WHEN '' THEN 'line' ELSE zeroblob(3000000000) END AS event_message, NULL AS severity, at AS event_time FROM below",
		"", "x",
	},
}

// TestBadRow has a row that cannot be read among those that can, and one of a job
// that is not watched. Whoever watches the job is shown why, and everybody else
// does not notice.
func TestBadRow(t *testing.T) {
	for name, c := range badViews {
		for what, index := range map[string]string{"job": "", "job and time": ", at", "nothing": " COLLATE NOCASE"} {
			t.Run(name+", by "+what, func(t *testing.T) {
				a := newApp(t, filepath.Join(t.TempDir(), "app.db"), fmt.Sprintf(viewSchema, index, c.view))
				for _, job := range []string{"job", "other"} {
					a.setJob(t, job, "running")
				}
				var log bytes.Buffer
				d := Driver{Path: a.path, MaxMessage: defaultMaxMessage}
				d.SetDefaults()
				s := d.Open(slog.New(slog.NewTextHandler(&log, nil))).(*Store)
				tails := map[string]joblog.Tail{}
				for _, job := range []string{"job", "other"} {
					tail, err := s.Tail(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					tails[job] = tail
				}
				for i := range 30 {
					data := c.good
					if i == 11 || i == 12 || i == 20 {
						data = c.bad
					}
					a.exec(t, "INSERT INTO below (job, data, at) VALUES (?, ?, 7)", []string{"job", "other"}[min(i/20, 1)], data)
				}
				if name == "condition" { // it cannot be told whose rows they are
					a.exec(t, "INSERT INTO below (job, data, at) VALUES ('other', ?, 7)", c.good)
				}
				for job, tail := range tails {
					tick, err := tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{job: {}}})
					if err != nil {
						t.Fatal(err)
					}
					checkBad(t, "live", job, tick.Events, name == "condition")
					for _, last := range []bool{false, true} {
						page, err := s.Read(t.Context(), joblog.Query{Job: job, UpTo: everything, Last: last})
						if err != nil || page.More {
							t.Fatal(page.More, err)
						}
						checkBad(t, "read", job, page.Events, name == "condition")
					}
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
				if n := strings.Count(log.String(), "cannot be read"); n != 1 {
					t.Errorf("%d lines of the log tell it:\n%s", n, log.String())
				}
			})
		}
	}
}

// checkBad checks the events of a job of TestBadRow.
func checkBad(t *testing.T, what, job string, events []joblog.Event, gone bool) {
	t.Helper()
	from, to := int64(1), int64(20)
	if job == "other" {
		from, to = 21, 30
	}
	var got, want, bad []int64
	for id := from; id <= to; id++ {
		if is := id == 12 || id == 13 || id == 21; is && gone {
			continue
		} else if is {
			bad = append(bad, id)
		}
		want = append(want, id)
	}
	if gone && job == "other" {
		want = append(want, 31)
	}
	for _, e := range events {
		got = append(got, e.ID)
		if slices.Contains(bad, e.ID) != e.Unreadable {
			t.Errorf("%s: row %d is unreadable: %t", what, e.ID, e.Unreadable)
		}
		if e.Unreadable && (e.Severity != "error" || !strings.Contains(e.Message, "cannot be read: ")) || !e.Unreadable && e.Message != "line" || e.Job != job {
			t.Errorf("%s: %+v", what, e)
		}
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: %s has %v, want %v", what, job, got, want)
	}
}

// TestManyBadRows has nothing but rows that cannot be read: a tick and a page are
// short, and go on.
func TestManyBadRows(t *testing.T) {
	const n = 300
	c := badViews["message"]
	a := newApp(t, filepath.Join(t.TempDir(), "app.db"), fmt.Sprintf(viewSchema, "", c.view))
	s := opened(t, a.path)
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		a.exec(t, "INSERT INTO below (job, data) VALUES ('job', ?)", c.bad)
	}
	got := 0
	for more := true; more; {
		tick, err := tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
		if err != nil || len(tick.Events) > tickFaults || tick.More && len(tick.Events) == 0 {
			t.Fatal(len(tick.Events), err)
		}
		got, more = got+len(tick.Events), tick.More
	}
	rows, pages, _ := replayed(t, s, joblog.Query{Job: "job", UpTo: everything})
	if got != n || rows != n || pages < n/faults {
		t.Errorf("got %d rows live and %d in %d pages, want %d", got, rows, pages, n)
	}
}

// TestBadJob has a row of the jobs at which a view fails.
func TestBadJob(t *testing.T) {
	schema := strings.Replace(appSchema, "CREATE TABLE vibe_tasks", "CREATE VIEW vibe_tasks AS SELECT task_id, json_extract(execution_state, '$') AS execution_state, tenant_id FROM tasks; CREATE TABLE tasks", 1)
	schema = strings.Replace(schema, "REFERENCES vibe_tasks", "", 1)
	a := newApp(t, filepath.Join(t.TempDir(), "app.db"), schema)
	a.exec(t, `INSERT INTO tasks VALUES ('good', '"completed"', 'me'), ('bad', '{', 'me'), ('fine', '"running"', 'me')`)
	s := opened(t, a.path, withOwner)
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	was := s.file
	jobs, err := s.Jobs(t.Context(), []joblog.Ask{as("me", "good"), as("me", "bad"), as("me", "fine")})
	if err != nil || len(jobs) != 2 || !jobs[as("me", "good")].Terminal || jobs[as("me", "fine")].State != "running" {
		t.Errorf("got %+v, %v", jobs, err)
	}
	names := []string{"good", "bad", "fine"}
	tick, err := tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"good": {}, "bad": {}, "fine": {}}, Ask: names})
	if err != nil || len(tick.Ended) != 1 || tick.Ended["good"] != "completed" {
		t.Errorf("ended: %v, %v", tick.Ended, err)
	}
	if s.file != was {
		t.Error("the file was opened again")
	}
}

// TestOddValues has what SQLite may hold in any column, whatever its type.
func TestOddValues(t *testing.T) {
	schema := strings.NewReplacer("event_message TEXT NOT NULL", "event_message", "severity TEXT", "severity", "event_time INTEGER", "event_time",
		"task_id TEXT NOT NULL REFERENCES vibe_tasks", "task_id").Replace(appSchema)
	for name, id := range map[string]string{"row ids": "INTEGER PRIMARY KEY AUTOINCREMENT", "others": "INT UNIQUE"} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, filepath.Join(t.TempDir(), "app.db"), strings.Replace(schema, "INTEGER PRIMARY KEY AUTOINCREMENT", id, 1))
			a.setJob(t, "job", "running")
			a.exec(t, "INSERT INTO vibe_events VALUES (1, 'job', 'first', NULL, NULL)")
			s := opened(t, a.path)
			tail, err := s.Tail(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			odd := []string{"NULL", "7", "1.5", "x'00ff'", "zeroblob(5000000)", "'a' || char(0) || 'b'", "CAST(x'ff' AS TEXT)", "9e999", "-9223372036854775808", "hex(zeroblob(1000000))"}
			i := 1
			for _, value := range odd {
				for _, column := range []string{"event_message", "severity", "event_time"} {
					i++
					a.exec(t, fmt.Sprintf("INSERT INTO vibe_events (event_id, task_id, %s) VALUES (%d, 'job', %s)", column, i, value))
				}
				a.exec(t, "INSERT INTO vibe_events (event_id, task_id, event_message) VALUES (?, "+value+", 'of nobody')", i+1000)
			}
			if name == "others" {
				for _, value := range []string{"NULL", "NULL", "0", "-5", "'abc'", "1.5", "x'01'"} {
					a.exec(t, "INSERT INTO vibe_events (event_id, task_id, event_message) VALUES ("+value+", 'job', 'of no id')")
				}
			}
			var live, read []joblog.Event
			for more := true; more; {
				tick, err := tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
				if err != nil {
					t.Fatal(err)
				}
				live, more = append(live, tick.Events...), tick.More
			}
			for more, after := true, int64(1); more; after = read[len(read)-1].ID {
				page, err := s.Read(t.Context(), joblog.Query{Job: "job", After: joblog.Cursor{N: after}, UpTo: everything})
				if err != nil {
					t.Fatal(err)
				}
				read, more = append(read, page.Events...), page.More
			}
			if len(live) != i-1 || !slices.Equal(live, read) {
				t.Errorf("%d rows live and %d read, want %d", len(live), len(read), i-1)
			}
			for _, e := range live {
				if len(e.Severity) > joblog.WordBytes || len(e.Message) > defaultMaxMessage {
					t.Errorf("row %d has a message of %d bytes and a severity of %d", e.ID, len(e.Message), len(e.Severity))
				}
			}
			if _, err := s.Recent(t.Context(), 100); err != nil {
				t.Error(err)
			}
			if _, err := s.Jobs(t.Context(), anyones); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestLongWords has severities, states and owners that are far too long, of tables
// of all kinds: what is read of them is short, and of whole characters.
func TestLongWords(t *testing.T) {
	for name, change := range map[string][2]string{
		"rows":                     {"PRAGMA journal_mode = WAL", "PRAGMA journal_mode = WAL"},
		"UTF-16":                   {"PRAGMA journal_mode = WAL", "PRAGMA encoding = 'UTF-16le'"},
		"ids that are not row ids": {"event_id INTEGER PRIMARY KEY AUTOINCREMENT", "event_id INT PRIMARY KEY"},
		"a view":                   {"CREATE TABLE vibe_events", "CREATE VIEW vibe_events AS SELECT * FROM below; CREATE TABLE below"},
	} {
		t.Run(name, func(t *testing.T) {
			schema, table := strings.Replace(appSchema, change[0], change[1], 1), "vibe_events"
			if name == "a view" {
				table, schema = "below", strings.Replace(schema, "ON vibe_events", "ON below", 1)
			}
			a := newApp(t, filepath.Join(t.TempDir(), "app.db"), schema)
			long := strings.Repeat("é", 2_000_000)
			a.exec(t, "INSERT INTO vibe_tasks VALUES ('job', ?1, ?1), ('short', 'running', 'me')", long)
			s := opened(t, a.path, withOwner)
			tail, err := s.Tail(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			severities := []string{"info", "x" + long, long[:joblog.WordBytes], strings.Repeat("é", joblog.WordBytes/2), ""}
			for i, severity := range severities {
				a.exec(t, "INSERT INTO "+table+" (event_id, task_id, event_message, severity) VALUES (?, 'job', 'line', ?)", i+1, severity)
			}
			tick, err := tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
			if err != nil || len(tick.Events) != len(severities) {
				t.Fatal(len(tick.Events), err)
			}
			for i, e := range tick.Events {
				if e.Severity != cut(severities[i], joblog.WordBytes) || !utf8.ValidString(e.Severity) || e.Message != "line" || e.Truncated {
					t.Errorf("severity %d has %d bytes: %+.100v", i, len(e.Severity), e)
				}
			}
			jobs, err := s.Jobs(t.Context(), append(anyones, as("me", "job"), as("me", "short")))
			if job := jobs[anyones[0]]; err != nil || len(jobs) != 2 || job.Owner != "" || job.State != cut(long, joblog.WordBytes) {
				t.Errorf("got %d jobs, %v, with a state of %d bytes", len(jobs), err, len(job.State))
			}
		})
	}
}
