package postgres

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// readOnly is the code of errors about writing where only reading is allowed.
const readOnly = "25006"

// TestSessionsRead has a table that writes when it is read: sessions that read
// refuse it, whoever they are of, while those that are to write do.
func TestSessionsRead(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		a.insert(t, "job", joblog.Event{Message: "m"})
		a.exec(t, `CREATE TABLE y (one int); ALTER TABLE vibe_events RENAME TO below;
			CREATE FUNCTION trap() RETURNS bool LANGUAGE sql AS 'INSERT INTO y VALUES (1) RETURNING true';
			CREATE VIEW vibe_events AS SELECT * FROM below WHERE trap();
			ALTER VIEW vibe_events ALTER event_id SET DEFAULT nextval('vibe_events_event_id_seq')`)
		s := opened(t, a.dsn)
		if _, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 1}}); !is(err, readOnly) || !errors.Is(err, joblog.ErrUnserved) {
			t.Errorf("reading the log: %v, want %s", err, readOnly)
		}
		if _, err := s.Tail(t.Context()); !is(err, readOnly) {
			t.Errorf("following: %v, want %s", err, readOnly)
		}
		a.exec(t, `CREATE OR REPLACE VIEW vibe_events AS SELECT * FROM below`)
		if _, err := s.Append(t.Context(), joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "m"}}, Key: "k"}); err != nil {
			t.Errorf("appending: %v", err)
		}
		if err := s.SetState(t.Context(), "job", "completed"); err != nil {
			t.Errorf("setting a state: %v", err)
		}
		if page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 9}}); err != nil || len(page.Events) != 2 {
			t.Errorf("the page is %v, %v", page.Events, err)
		}
		var n int
		if err := a.pool.QueryRow(t.Context(), `SELECT count(*) FROM y`).Scan(&n); err != nil || n != 0 {
			t.Errorf("reading wrote %d rows, %v", n, err)
		}
	})
}

// settingsOf are those of a store's sessions.
func settingsOf(t *testing.T, s *Store) (timeout, idle, reads string) {
	t.Helper()
	err := s.use(t.Context(), func(ctx context.Context, pool *pgxpool.Pool, _ *layout) error {
		return pool.QueryRow(ctx, `SELECT current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout'),
			current_setting('transaction_read_only')`).Scan(&timeout, &idle, &reads)
	})
	if err != nil {
		t.Fatal(err)
	}
	return timeout, idle, reads
}

// TestSessionSettings looks at what sessions begin with: what we say, unless the
// DSN says otherwise; and nothing of ours where a pooler shares them, which
// would make it the application's.
func TestSessionSettings(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		pooled := testdb.PgBouncer(t, a.dsn)
		for _, c := range []struct{ name, dsn, timeout, idle, reads string }{
			{"ours", a.dsn, "10s", "30s", "on"},
			{"the DSN's", with(a.dsn, "statement_timeout=3s&default_transaction_read_only=off"), "3s", "30s", "off"},
			{"a pooler's", pooled, "0", "0", "off"},
		} {
			if timeout, idle, reads := settingsOf(t, opened(t, c.dsn)); timeout != c.timeout || idle != c.idle || reads != c.reads {
				t.Errorf("%s: statement_timeout %s, idle %s, read only %s, want %+v", c.name, timeout, idle, reads, c)
			}
		}
	})
}

// TestStandbySettings has the same on a standby.
func TestStandbySettings(t *testing.T) {
	p := newPair(t, versions[0])
	if timeout, _, reads := settingsOf(t, p.store); timeout != "10s" || reads != "on" {
		t.Errorf("statement_timeout %s, read only %s", timeout, reads)
	}
}

// TestStatementTimeout has statements that do not end: the server ends them.
func TestStatementTimeout(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		s := opened(t, with(a.dsn, "statement_timeout=100ms"))
		fill(t, s, 5)
		lock := a.begin(t)
		if _, err := lock.Exec(t.Context(), `LOCK vibe_tasks, vibe_events`); err != nil {
			t.Fatal(err)
		}
		for name, do := range map[string]func() error{
			"jobs":     func() error { _, err := s.Jobs(t.Context(), anyones("job")); return err },
			"a newest": func() error { _, err := s.Newest(t.Context()); return err },
			"a tail":   func() error { _, err := s.Tail(t.Context()); return err },
			"a page": func() error {
				_, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 1}})
				return err
			},
			"a row": func() error {
				_, err := s.Append(t.Context(), joblog.Batch{Job: "job", Events: []joblog.Event{{}}})
				return err
			},
			"a state": func() error { return s.SetState(t.Context(), "job", "x") },
		} {
			if err := do(); !is(err, "57014") || !errors.Is(err, joblog.ErrUnserved) {
				t.Errorf("%s: %v, want 57014, which is no outage", name, err)
			}
		}
		if n := s.pool.Stat().NewConnsCount(); n != 5 {
			t.Errorf("%d connections were made, want 5: those of everybody else are not to pay for it", n)
		}
	})
}

// TestOwnDeadline has calls that end by their own time: it is no outage, and the
// other connections stay.
func TestOwnDeadline(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		s := opened(t, a.dsn)
		tail, err := s.Tail(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fill(t, s, 5)
		lock := a.begin(t)
		if _, err := lock.Exec(t.Context(), `LOCK vibe_tasks, vibe_events`); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"jobs", "a page", "a row", "a tick"} {
			fill(t, s, 5)
			before := s.pool.Stat().NewConnsCount()
			short, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			err := everyCall(short, s, tail)[name]()
			cancel()
			if !errors.Is(err, joblog.ErrUnserved) {
				t.Errorf("%s: %v, want ErrUnserved", name, err)
			}
			fill(t, s, 5)
			if n := s.pool.Stat().NewConnsCount() - before; n != 1 {
				t.Errorf("after %s %d connections were made anew, want its own", name, n)
			}
		}
	})
}
