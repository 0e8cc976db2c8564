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

// TestIDs has tables and views whose ids are not what they must be, and some whose
// ids are.
func TestIDs(t *testing.T) {
	const remedy = `CREATE UNIQUE INDEX caddyjobs_ids ON "vibe_events" ("event_id")`
	key := "event_id INTEGER PRIMARY KEY AUTOINCREMENT"
	for name, c := range map[string]struct{ with, more, want string }{
		"unique":                {with: "event_id INT UNIQUE"},
		"unique later":          {with: "event_id INT", more: "CREATE UNIQUE INDEX ids ON vibe_events (event_id)"},
		"not unique":            {with: "event_id INT", want: remedy},
		"unique in part":        {with: "event_id INT", more: "CREATE UNIQUE INDEX ids ON vibe_events (event_id) WHERE event_id > 5", want: remedy},
		"unique by two columns": {with: "event_id INT", more: "CREATE UNIQUE INDEX ids ON vibe_events (event_id, task_id)", want: remedy},
		"counted per job":       {with: "event_id INTEGER", more: "CREATE UNIQUE INDEX ids ON vibe_events (task_id, event_id)", want: remedy},
		"text":                  {with: "event_id TEXT PRIMARY KEY", want: "does not hold whole numbers"},
		"a character type":      {with: "event_id VARCHAR(36) PRIMARY KEY", want: "does not hold whole numbers"},
		"real":                  {with: "event_id REAL PRIMARY KEY", want: "does not hold whole numbers"},
		"text in any column":    {with: "event_id UUID PRIMARY KEY", more: "INSERT INTO vibe_events VALUES ('a7', 'job', '', NULL, NULL)", want: "does not hold whole numbers"},
		"a view of counted ones": {
			with: "n INTEGER", want: remedy,
			more: "ALTER TABLE vibe_events RENAME TO below; INSERT INTO below VALUES (1, 'a', '', '', 0), (1, 'b', '', '', 0); CREATE VIEW vibe_events AS SELECT n AS event_id, task_id, event_message, severity, event_time FROM below",
		},
		"a view of row ids": {
			with: "n TEXT PRIMARY KEY",
			more: "ALTER TABLE vibe_events RENAME TO below; CREATE VIEW vibe_events AS SELECT rowid AS event_id, task_id, event_message, severity, event_time FROM below",
		},
		"a view of text": {
			with: "n TEXT PRIMARY KEY", want: "does not hold whole numbers",
			more: "ALTER TABLE vibe_events RENAME TO below; CREATE VIEW vibe_events AS SELECT n AS event_id, task_id, event_message, severity, event_time FROM below",
		},
		"a view of two tables": {
			with: key,
			more: "ALTER TABLE vibe_events RENAME TO below; CREATE TABLE old AS SELECT * FROM below; CREATE VIEW vibe_events AS SELECT * FROM below UNION ALL SELECT * FROM old",
		},
		"a view of two tables with the same ids": {
			with: key, want: remedy,
			more: "INSERT INTO vibe_events VALUES (1, 'a', '', '', 0); ALTER TABLE vibe_events RENAME TO below; CREATE TABLE old AS SELECT * FROM below; CREATE VIEW vibe_events AS SELECT * FROM below UNION ALL SELECT * FROM old",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, filepath.Join(t.TempDir(), "app.db"), strings.Replace(appSchema, key, c.with, 1))
			a.exec(t, c.more)
			s := opened(t, a.path)
			for what, call := range map[string]func() error{
				"Tail": func() error { _, err := s.Tail(t.Context()); return err },
				"Read": func() error { _, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: everything}); return err },
			} {
				if err := call(); c.want == "" && err != nil {
					t.Errorf("%s: %v", what, err)
				} else if c.want != "" {
					says(t, err, c.want)
					if !errors.Is(err, joblog.ErrMisconfigured) {
						t.Errorf("%s: %v, want ErrMisconfigured", what, err)
					}
				}
			}
		})
	}
}

// TestIDTwice has a view that gets a second row with an id when it is open.
func TestIDTwice(t *testing.T) {
	a := newApp(t, filepath.Join(t.TempDir(), "app.db"), strings.NewReplacer("TABLE vibe_events", "TABLE below", "ON vibe_events", "ON below").Replace(appSchema)+
		"; CREATE TABLE old AS SELECT * FROM below; CREATE VIEW vibe_events AS SELECT * FROM below UNION ALL SELECT * FROM old")
	s := opened(t, a.path)
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.setJob(t, "job", "running")
	a.exec(t, "INSERT INTO below VALUES (1, 'job', 'a', NULL, 1); INSERT INTO old VALUES (1, 'job', 'b', NULL, 1)")
	_, err = tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
	says(t, err, "two rows have the id 1")
	_, err = s.Read(t.Context(), joblog.Query{Job: "job", UpTo: everything})
	says(t, err, "two rows have the id 1")
	if !errors.Is(err, joblog.ErrUnserved) {
		t.Errorf("others are to pay for this log: %v", err)
	}
}

// TestIDsComeAgain has the newest row, which was seen, replaced by others that are
// given its id, between two ticks.
func TestIDsComeAgain(t *testing.T) {
	plain := strings.Replace(appSchema, "AUTOINCREMENT", "", 1)
	for name, c := range map[string]struct {
		schema, change string
		rewound        bool
	}{
		"another job's": {plain, "DELETE FROM vibe_events WHERE event_id = 3; INSERT INTO vibe_events VALUES (NULL, 'other', 'x', NULL, 7)", true},
		"later":         {plain, "DELETE FROM vibe_events WHERE event_id = 3; INSERT INTO vibe_events VALUES (NULL, 'job', 'line', NULL, 8)", true},
		"more":          {plain, "DELETE FROM vibe_events WHERE event_id > 1; INSERT INTO vibe_events VALUES (NULL, 'job', 'a', NULL, 8), (NULL, 'job', 'b', NULL, 9), (NULL, 'job', 'c', NULL, 9)", true},
		"fewer":         {plain, "DELETE FROM vibe_events WHERE event_id > 1; INSERT INTO vibe_events VALUES (NULL, 'job', 'a', NULL, 8)", true},
		"sequence set back": {
			appSchema, "DELETE FROM vibe_events; DELETE FROM sqlite_sequence; INSERT INTO vibe_events VALUES (NULL, 'job', 'a', NULL, 8), (NULL, 'job', 'b', NULL, 9), (NULL, 'job', 'c', NULL, 9), (NULL, 'job', 'd', NULL, 9)", true,
		},
		"edited":  {appSchema, "UPDATE vibe_events SET event_message = 'edited', severity = 'warn' WHERE event_id = 3", false},
		"deleted": {appSchema, "DELETE FROM vibe_events WHERE event_id = 3; INSERT INTO vibe_events VALUES (NULL, 'job', 'a', NULL, 8)", false},
		"purged":  {appSchema, "DELETE FROM vibe_events", false},
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, filepath.Join(t.TempDir(), "app.db"), c.schema)
			a.exec(t, "INSERT INTO vibe_tasks VALUES ('job', 'running', NULL), ('other', 'running', NULL)")
			s := opened(t, a.path)
			tail, err := s.Tail(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			a.exec(t, "INSERT INTO vibe_events VALUES (NULL, 'job', 'line', NULL, 5), (NULL, 'job', 'line', NULL, 6), (NULL, 'job', 'line', NULL, 7)")
			if got := next(t, tail); len(got) != 3 {
				t.Fatalf("got %q", got)
			}
			a.exec(t, c.change)
			_, err = tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
			if errors.Is(err, joblog.ErrRewound) != c.rewound || !c.rewound && err != nil {
				t.Errorf("got %v, want that it went back: %t", err, c.rewound)
			}
		})
	}
}

// TestJobTwice has several rows for one job: it is nobody's, and others are as they
// are.
func TestJobTwice(t *testing.T) {
	a := newApp(t, filepath.Join(t.TempDir(), "app.db"), strings.NewReplacer("task_id TEXT PRIMARY KEY", "task_id TEXT", "REFERENCES vibe_tasks", "").Replace(appSchema)+
		"; CREATE INDEX tasks ON vibe_tasks (task_id)")
	a.exec(t, "INSERT INTO vibe_tasks VALUES ('job', 'completed', 'me'), ('job', 'running', 'you'), ('fine', 'completed', 'me')")
	var log bytes.Buffer
	d := Driver{Path: a.path, MaxMessage: defaultMaxMessage}
	d.SetDefaults()
	d.Jobs.Owner = "tenant_id"
	s := d.Open(slog.New(slog.NewTextHandler(&log, nil))).(*Store)
	for range 3 {
		jobs, err := s.Jobs(t.Context(), append(anyones, as("me", "job"), as("you", "job"), as("me", "fine")))
		if err != nil || len(jobs) != 1 || jobs[as("me", "fine")].ID != "fine" {
			t.Errorf("got %+v, %v", jobs, err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if n := strings.Count(log.String(), "CREATE UNIQUE INDEX"); n != 1 {
		t.Errorf("%d lines of the log tell it:\n%s", n, log.String())
	}
}
