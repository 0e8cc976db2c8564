package sqlite

import (
	"context"
	"database/sql"
	"path/filepath"
	"strings"
	"testing"

	lib "modernc.org/sqlite/lib"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

// badNames are names as nobody has them: SQL, what stands for names in our
// statements before they are made, and what we call things in them.
var badNames = map[string]tables.Tables{
	"SQL": {
		Events: tables.EventsTable{Table: `x"; DROP TABLE y; --`, ID: `i"; DROP TABLE y; --`, Job: `j'); DROP TABLE y; --`, Message: `m\"; /*`, Severity: `?1`, Time: `'||'`},
		Jobs:   tables.JobsTable{Table: `w'; DELETE FROM y`, ID: `"`, State: `'; --`, Owner: `o"."o`},
	},
	"places of names": {
		Events: tables.EventsTable{Table: `{id}`, ID: `{job}`, Job: `{text}`, Message: `{events}`, Severity: `{jobs}`, Time: `{index}`},
		Jobs:   tables.JobsTable{Table: `{text}'`, ID: `{state}`, State: `{jobid}`, Owner: `{owner}`},
	},
	"our names": {
		Events: tables.EventsTable{Table: "a", ID: "value", Job: "id", Message: "key", Severity: "seq", Time: "name"},
		Jobs:   tables.JobsTable{Table: "j", ID: "value", State: "j", Owner: "key"},
	},
}

// TestBadNames makes tables with such names, and reads and writes them; and the
// same where the application has made them.
func TestBadNames(t *testing.T) {
	for name, names := range badNames {
		for _, own := range []bool{true, false} {
			t.Run(name+map[bool]string{true: ", ours", false: ""}[own], func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "app.db")
				names.Jobs.Terminal = []string{"done'; --"}
				a := newApp(t, path, "")
				if !own {
					a.exec(t, named(schema, names)+`; CREATE TABLE y AS SELECT 1 AS one`)
				}
				testNames(t, opened(t, path, func(d *Driver) { d.Tables = names }), own)
				if !own && a.number(t, `SELECT one FROM y`) != 1 {
					t.Error("the table beside them has changed")
				}
			})
		}
	}
}

func testNames(t *testing.T, s *Store, own bool) {
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !own {
		err = s.use(t.Context(), func(ctx context.Context, f *file) error {
			_, err := f.write.ExecContext(ctx, named(`INSERT INTO {jobs} ({jobid}, {state}) VALUES ('job', 'running')`, s.tables))
			return err
		})
	} else {
		err = s.SetState(t.Context(), "job", "running")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Append(t.Context(), joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "'); --"}, {Message: "b"}}}); err != nil {
		t.Fatal(err)
	}
	tick, err := tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
	if err != nil || len(tick.Events) != 2 || tick.Events[0].Message != "'); --" {
		t.Errorf("the tick is %+v, %v", tick.Events, err)
	}
	if recent, err := s.Recent(t.Context(), 5); err != nil || len(recent) != 1 || recent[0].Job != "job" || recent[0].ID != tick.Events[1].ID || recent[0].Time != tick.Events[1].Time {
		t.Errorf("the recent jobs are %+v, %v", recent, err)
	}
	for _, last := range []bool{false, true} {
		page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: tail.Position(), Last: last})
		if err != nil || len(page.Events) != 2 || page.Events[1].Message != "b" {
			t.Errorf("the page is %+v, %v", page.Events, err)
		}
	}
	if err := s.SetState(t.Context(), "job", "done'; --"); err != nil {
		t.Error(err)
	}
	anyone := joblog.Ask{ID: "job", AnyOwner: true}
	jobs, err := s.Jobs(t.Context(), []joblog.Ask{anyone, {ID: "job", Owner: "'; --"}, {ID: "'; --", AnyOwner: true}})
	if err != nil || len(jobs) != 1 || !jobs[anyone].Terminal {
		t.Errorf("the jobs are %+v, %v", jobs, err)
	}
	tick, err = tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}, Ask: []string{"job"}})
	if err != nil || tick.Ended["job"] != "done'; --" {
		t.Errorf("the end is %v, %v", tick.Ended, err)
	}
	if own {
		err = s.Remove(t.Context(), "job")
	}
	if id, newest := s.Newest(t.Context()); id != 2 || newest != nil || err != nil {
		t.Errorf("the newest is %d, %v, %v", id, newest, err)
	}
}

// TestReadersRead has connections that read write: SQLite refuses, whatever they
// have been told.
func TestReadersRead(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "jobs.db"))
	appendN(t, s, "job", 1)
	err := s.use(t.Context(), func(ctx context.Context, f *file) error {
		for name, db := range map[string]*sql.DB{"a reader": f.read, "the watch": f.watch} {
			for _, text := range []string{
				`PRAGMA query_only = 0; DELETE FROM vibe_events`, `CREATE TABLE y (one)`, `PRAGMA user_version = 7`, `DROP TABLE vibe_tasks`,
			} {
				if _, err := db.ExecContext(ctx, text); code(err) != lib.SQLITE_READONLY {
					t.Errorf("%s: %s: %v, want SQLITE_READONLY", name, strings.TrimSpace(text), err)
				}
			}
			if _, err := db.ExecContext(ctx, `PRAGMA query_only = 1`); err != nil {
				t.Error(err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if got := messagesOf(t, s, "job"); len(got) != 1 {
		t.Errorf("the log is %q", got)
	}
}
