package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/storetest"
	"github.com/caddyjobs/caddyjobs/tables"
)

func TestMain(m *testing.M) {
	child()
	goleak.VerifyTestMain(m)
}

// app is an application that uses the database file by itself.
type app struct {
	path string
	db   *sql.DB
}

// appSchema is what the application whose names are the defaults would have.
const appSchema = `PRAGMA journal_mode = WAL;
CREATE TABLE vibe_tasks (task_id TEXT PRIMARY KEY, execution_state TEXT NOT NULL, tenant_id TEXT);
CREATE TABLE vibe_events (event_id INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL REFERENCES vibe_tasks,
	event_message TEXT NOT NULL, severity TEXT, event_time INTEGER);
CREATE INDEX by_task ON vibe_events (task_id, event_time)`

// newApp makes an application's database, of which schema makes the tables.
func newApp(t testing.TB, path, schema string) *app {
	t.Helper()
	a := &app{path: path}
	var err error
	if a.db, err = sql.Open("sqlite", dsn(path, 20*time.Second, url.Values{"_txlock": {"immediate"}})); err != nil {
		t.Fatal(err)
	}
	a.db.SetMaxOpenConns(1)
	t.Cleanup(func() {
		if err := a.db.Close(); err != nil {
			t.Error(err)
		}
	})
	if schema != "" {
		a.exec(t, schema)
	}
	return a
}

func (a *app) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := a.db.ExecContext(context.WithoutCancel(t.Context()), query, args...); err != nil {
		t.Errorf("%.100s: %v", query, err)
	}
}

func (a *app) number(t testing.TB, query string, args ...any) (n int64) {
	t.Helper()
	if err := a.db.QueryRowContext(t.Context(), query, args...).Scan(&n); err != nil {
		t.Errorf("%s: %v", query, err)
	}
	return n
}

func (a *app) insert(t testing.TB, job string, events ...joblog.Event) (ids []int64) {
	t.Helper()
	err := transact(t.Context(), a.db, nil, func(tx *sql.Tx) error {
		for _, e := range events {
			done, err := tx.ExecContext(t.Context(), `INSERT INTO vibe_events (task_id, event_message, severity, event_time)
				VALUES (?, ?, nullif(?, ''), nullif(?, 0))`, job, e.Message, e.Severity, e.Time)
			if err != nil {
				return err
			}
			id, err := done.LastInsertId()
			if err != nil {
				return err
			}
			ids = append(ids, id)
		}
		return nil
	})
	if err != nil {
		t.Errorf("inserting: %v", err)
	}
	return ids
}

func (a *app) setJob(t testing.TB, job, state string) {
	t.Helper()
	a.exec(t, `INSERT INTO vibe_tasks (task_id, execution_state) VALUES (?1, ?2)
		ON CONFLICT (task_id) DO UPDATE SET execution_state = ?2`, job, state)
}

func (a *app) setOwner(t testing.TB, job, owner string) {
	t.Helper()
	a.exec(t, `UPDATE vibe_tasks SET tenant_id = ?2 WHERE task_id = ?1`, job, owner)
}

// withOwner has jobs belong to somebody.
func withOwner(d *Driver) { d.Jobs.Owner = "tenant_id" }

// anyones asks for the job, whoever it belongs to.
var anyones = []joblog.Ask{{ID: "job", AnyOwner: true}}

// opened is a store on path, closed with the test.
func opened(t testing.TB, path string, change ...func(*Driver)) *Store {
	t.Helper()
	d := Driver{Path: path, MaxMessage: defaultMaxMessage, Tables: tables.Tables{}}
	d.SetDefaults()
	for _, f := range change {
		f(&d)
	}
	s := d.Open(slog.New(slog.NewTextHandler(t.Output(), nil))).(*Store)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

func fixture(t *testing.T, path string, a *app) storetest.Fixture {
	return storetest.Fixture{
		Store:  opened(t, path, withOwner),
		Reopen: func(t testing.TB) joblog.Store { return opened(t, path, withOwner) },
		Insert: a.insert, SetJob: a.setJob, SetOwner: a.setOwner,
	}
}

// TestOwn runs the suite on databases that the store makes.
func TestOwn(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		path := filepath.Join(t.TempDir(), "new", "jobs.db")
		if _, err := opened(t, path).Newest(t.Context()); err != nil {
			t.Fatal(err)
		}
		return fixture(t, path, newApp(t, path, ""))
	})
}

// TestApplication runs the suite on an application's databases.
func TestApplication(t *testing.T) {
	for name, schema := range map[string]string{
		"WAL":              appSchema,
		"rollback journal": strings.Replace(appSchema, "= WAL", "= DELETE", 1),
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) storetest.Fixture {
				path := filepath.Join(t.TempDir(), "app's 100% #1?.db")
				a := newApp(t, path, schema)
				a.exec(t, requestsTable)
				return fixture(t, path, a)
			})
		})
	}
}

// append appends n events with a message that has the number.
func appendN(t testing.TB, s *Store, job string, n int) []int64 {
	t.Helper()
	b := joblog.Batch{Job: job}
	for i := range n {
		b.Events = append(b.Events, joblog.Event{Message: fmt.Sprint("line ", i)})
	}
	ids, err := s.Append(t.Context(), b)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	return ids
}
