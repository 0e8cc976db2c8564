package sqlite

import (
	"bytes"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestForeignSchema has databases of applications that lack what is read.
func TestForeignSchema(t *testing.T) {
	without := func(column string) string { return strings.Replace(appSchema, column, "other_"+column, 1) }
	for name, c := range map[string]struct {
		schema string
		change func(*Driver)
		want   []string
	}{
		"no events": {
			schema: strings.ReplaceAll(appSchema, "vibe_events", "log"),
			want:   []string{`no table "vibe_events"`, `option "events"`},
		},
		"no jobs": {
			schema: strings.ReplaceAll(appSchema, "vibe_tasks", "tasks"),
			want:   []string{`no table "vibe_tasks"`, `option "jobs"`},
		},
		"neither": {
			schema: "CREATE TABLE users (id INTEGER)",
			want:   []string{`no table "vibe_events"`, "create it, or name the right one"},
		},
		"no message": {
			schema: without("event_message"),
			want:   []string{`table "vibe_events" has no column "event_message"`, "add it, or name the right one"},
		},
		"no state": {
			schema: without("execution_state"),
			want:   []string{`table "vibe_tasks" has no column "execution_state"`, `block "jobs"`},
		},
		"no owner": {
			schema: appSchema,
			change: func(d *Driver) { d.Jobs.Owner = "boss" },
			want:   []string{`table "vibe_tasks" has no column "boss"`, `block "jobs"`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			a := newApp(t, path, c.schema)
			had := a.number(t, "SELECT count(*) FROM sqlite_schema")
			if c.change == nil {
				c.change = func(*Driver) {}
			}
			s := opened(t, path, c.change)
			_, err := s.Jobs(t.Context(), anyones)
			says(t, err, append(c.want, path)...)
			_, err = s.Append(t.Context(), one)
			says(t, err, c.want...)
			if n := a.number(t, "SELECT count(*) FROM sqlite_schema"); n != had {
				t.Errorf("the database has %d things, had %d", n, had)
			}
		})
	}
}

// TestSchemaChanges renames a column while the store is in use, and back.
func TestSchemaChanges(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	a := newApp(t, path, appSchema)
	a.setJob(t, "job", "running")
	s := opened(t, path)
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.insert(t, "job", joblog.Event{Message: "before"})
	a.exec(t, "ALTER TABLE vibe_events RENAME event_message TO words")
	watch := joblog.Watch{Jobs: map[string]struct{}{"job": {}}}
	if _, err := tail.Next(t.Context(), watch); err == nil {
		t.Error("no error without the column")
	}
	_, err = tail.Next(t.Context(), watch)
	says(t, err, `the table "vibe_events" has no column "event_message"`)
	a.exec(t, "ALTER TABLE vibe_events RENAME words TO event_message")
	a.insert(t, "job", joblog.Event{Message: "after"})
	if got := next(t, tail); strings.Join(got, " ") != "before after" {
		t.Errorf("got %q", got)
	}
}

// TestApplicationRefuses has what a store does not do to an application's
// tables, and what these do not take.
func TestApplicationRefuses(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	a := newApp(t, path, strings.Replace(appSchema, "severity TEXT", "severity TEXT CHECK (severity <> 'silly')", 1))
	a.setJob(t, "job", "running")
	s := opened(t, path)
	err := s.Remove(t.Context(), "job")
	says(t, err, path, "the tables are the application's")
	if !errors.Is(err, joblog.ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
	_, err = s.Append(t.Context(), joblog.Batch{Job: "job", Key: "key", Events: one.Events})
	says(t, err, path, "CREATE TABLE IF NOT EXISTS caddyjobs_requests")
	if !errors.Is(err, joblog.ErrUnsupported) {
		t.Errorf("got %v, want ErrUnsupported", err)
	}
	silly := joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "fine"}, {Message: "text", Severity: "silly"}}}
	if _, err = s.Append(t.Context(), silly); !errors.Is(err, joblog.ErrInvalid) {
		t.Errorf("got %v, want ErrInvalid", err)
	}
	if got := messagesOf(t, s, "job"); len(got) != 0 {
		t.Errorf("got %q of batches that were refused", got)
	}
}

// TestWarnings has tables that work, but not well: the log says so, once.
func TestWarnings(t *testing.T) {
	for name, c := range map[string]struct{ schema, want string }{
		"no index": {
			schema: strings.Replace(appSchema, "(task_id, event_time)", "(event_time, task_id)", 1),
			want:   `CREATE INDEX caddyjobs_log ON \"vibe_events\" (\"task_id\", \"event_id\")`,
		},
		"ids reused": {
			schema: strings.Replace(appSchema, "AUTOINCREMENT", "", 1),
			want:   "event_id of the table vibe_events is not INTEGER PRIMARY KEY AUTOINCREMENT",
		},
		"ids of jobs without a type": {
			schema: strings.Replace(appSchema, "task_id TEXT PRIMARY KEY", "task_id PRIMARY KEY", 1) + `; INSERT INTO vibe_tasks VALUES (42, 'running', NULL)`,
			want:   "ids of jobs in the column task_id of vibe_tasks are numbers",
		},
		"all well": {schema: appSchema},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			newApp(t, path, c.schema).setJob(t, "job", "running")
			var log bytes.Buffer
			d := Driver{Path: path, MaxMessage: defaultMaxMessage}
			d.SetDefaults()
			s := d.Open(slog.New(slog.NewTextHandler(&log, nil)))
			for range 3 {
				if _, err := s.Jobs(t.Context(), anyones); err != nil {
					t.Fatal(err)
				}
				s.(*Store).file.doubt.Store(true) // open it again
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			want := 1
			if c.want == "" {
				want = 0
			}
			if n := strings.Count(log.String(), "WARN"); n != want || !strings.Contains(log.String(), c.want) {
				t.Errorf("got %d warnings, want %d:\n%s", n, want, log.String())
			}
		})
	}
}
