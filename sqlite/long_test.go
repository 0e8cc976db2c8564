package sqlite

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestLongMessages has messages around and beyond what is read of them, in
// tables of every kind: the beginning comes, of whole characters.
func TestLongMessages(t *testing.T) {
	const most = 1000
	texts := []string{
		"short", strings.Repeat("x", most), strings.Repeat("x", most+1), strings.Repeat("x", most-1) + "é", strings.Repeat("é", 200_000),
		"after",
	}
	for name, change := range map[string][2]string{
		"rows":                     {"PRAGMA journal_mode = WAL", "PRAGMA journal_mode = WAL"},
		"a rollback journal":       {"PRAGMA journal_mode = WAL", "PRAGMA journal_mode = DELETE"},
		"UTF-16":                   {"PRAGMA journal_mode = WAL", "PRAGMA encoding = 'UTF-16le'"},
		"ids that are not row ids": {"event_id INTEGER PRIMARY KEY AUTOINCREMENT", "event_id INT PRIMARY KEY"},
		"no row ids":               {"event_time INTEGER)", "event_time INTEGER) WITHOUT ROWID"},
		"a view":                   {"CREATE TABLE vibe_events", "CREATE VIEW vibe_events AS SELECT * FROM below; CREATE TABLE below"},
		"blobs":                    {"event_message TEXT", "event_message BLOB"},
	} {
		t.Run(name, func(t *testing.T) {
			schema := strings.Replace(appSchema, change[0], change[1], 1)
			if name == "no row ids" {
				schema = strings.Replace(schema, " AUTOINCREMENT", "", 1)
			}
			table := "vibe_events"
			if name == "a view" {
				table = "below"
				schema = strings.Replace(schema, "ON vibe_events", "ON below", 1)
			}
			path := filepath.Join(t.TempDir(), "app.db")
			a := newApp(t, path, schema)
			a.setJob(t, "job", "running")
			s := opened(t, path, func(d *Driver) { d.MaxMessage = most })
			tail, err := s.Tail(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i, text := range texts {
				a.exec(t, `INSERT INTO `+table+` (event_id, task_id, event_message) VALUES (?, 'job', ?)`, i+1, text)
			}
			tick, err := tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
			if err != nil {
				t.Fatal(err)
			}
			page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: tail.Position()})
			if err != nil {
				t.Fatal(err)
			}
			for what, events := range map[string][]joblog.Event{"live": tick.Events, "replayed": page.Events} {
				if len(events) != len(texts) {
					t.Fatalf("%s: %d events, want %d", what, len(events), len(texts))
				}
				for i, e := range events {
					want, long := cut(texts[i], most), len(texts[i]) > most
					if e.Message != want || e.Truncated != long {
						t.Errorf("%s: message %d has %d bytes, truncated: %t, want %d, %t", what, i, len(e.Message), e.Truncated, len(want), long)
					}
				}
			}
		})
	}
}

// TestLongMessageGone deletes a row with a long message after the page was read
// that has it: it comes without a message, and nobody fails.
func TestLongMessageGone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	newApp(t, path, appSchema)
	s := opened(t, path)
	p := page{events: []joblog.Event{{ID: 7, Truncated: true}}, long: []long{{0, false}, {0, true}}}
	err := s.use(t.Context(), func(ctx context.Context, f *file) error { return s.complete(ctx, f, f.read, &p) })
	if err != nil || p.events[0].Message != "" || p.events[0].Severity != "" {
		t.Errorf("%+v, %v", p.events, err)
	}
}
