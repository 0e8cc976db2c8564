package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// slow makes reading the log of the job "slow" wait while somebody has a lock.
const slow = `ALTER TABLE vibe_events RENAME TO below;
	CREATE VIEW vibe_events AS SELECT * FROM below WHERE task_id <> 'slow' OR pg_advisory_xact_lock_shared(7) IS NOT NULL`

// with is a DSN with more settings.
func with(dsn, settings string) string { return dsn + "&" + settings }

// TestCrowd has more readers of slow logs than there are connections: the tail
// goes on, and who cannot be served in time is told so, as no outage.
func TestCrowd(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "slow", "running")
		a.setJob(t, "job", "running")
		a.insert(t, "slow", joblog.Event{Message: "m"})
		a.setJob(t, "other", "running")
		a.insert(t, "other", numbered("row", maxMarks)...) // the newest rows, which the tail looks at on new connections
		a.exec(t, slow+`; ALTER VIEW vibe_events ALTER event_id SET DEFAULT nextval('vibe_events_event_id_seq')`)
		s := opened(t, with(a.dsn, "pool_max_conns=2"))
		f := follow(t, s)
		lock := a.begin(t)
		if _, err := lock.Exec(t.Context(), `SELECT pg_advisory_xact_lock(7)`); err != nil {
			t.Fatal(err)
		}
		read := joblog.Query{Job: "slow", UpTo: f.tail.Position()}
		crowd, leave := context.WithTimeout(t.Context(), patience)
		defer leave()
		done := make(chan error)
		for range 20 {
			go func() {
				_, err := s.Read(crowd, read)
				done <- err
			}()
		}
		await(t, "all turns to be taken", func() bool { return len(s.turns.backlogs.own) == 1 && s.pool.Stat().AcquiredConns() == 1 })
		a.exec(t, `INSERT INTO below (task_id, event_message) VALUES ('job', 'm')`)
		f.until("the row", func() bool { return len(f.got) == 1 })
		short, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, err := s.Read(short, read); !errors.Is(err, joblog.ErrUnserved) {
			t.Errorf("a read without a turn: %v, want ErrUnserved", err)
		}
		for name, do := range map[string]func() error{
			"a lookup":   func() error { _, err := s.Jobs(crowd, anyones("job")); return err },
			"the newest": func() error { _, err := s.Newest(crowd); return err },
			"rows found again": func() error {
				_, err := s.Find(crowd, []joblog.Row{{Job: "job", ID: f.got[0]}})
				return err
			},
			"a state": func() error { return s.SetState(crowd, "job", "running") },
			"a row": func() error {
				_, err := s.Append(crowd, joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "m"}}})
				return err
			},
		} {
			if err := do(); err != nil {
				t.Errorf("beside readers, %s: %v", name, err)
			}
		}
		if err := lock.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 20 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
}

// TestSlowLog has a log whose page takes longer than a statement may.
func TestSlowLog(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "slow", "running")
		a.insert(t, "slow", joblog.Event{Message: "m"})
		a.exec(t, slow)
		lock := a.begin(t)
		if _, err := lock.Exec(t.Context(), `SELECT pg_advisory_xact_lock(7)`); err != nil {
			t.Fatal(err)
		}
		s := opened(t, with(a.dsn, "statement_timeout=200ms"))
		if _, err := s.Read(t.Context(), joblog.Query{Job: "slow", UpTo: joblog.Cursor{N: 1}}); !errors.Is(err, joblog.ErrUnserved) || !is(err, "57014") {
			t.Errorf("the slow log: %v, want ErrUnserved", err)
		}
		if _, err := opened(t, "postgres://nobody@127.0.0.1:1/x").Read(t.Context(), joblog.Query{Job: "slow", UpTo: joblog.Cursor{N: 1}}); err == nil || errors.Is(err, joblog.ErrUnserved) {
			t.Errorf("no server at all: %v, which is an outage", err)
		}
	})
}

// await waits until something is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for deadline := time.After(patience); !is(); {
		select {
		case <-time.After(time.Millisecond):
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}

// TestEncoding reads and writes a database that is not in UTF-8.
func TestEncoding(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		u, err := url.Parse(a.dsn)
		if err != nil {
			t.Fatal(err)
		}
		u.Path += "latin"
		name := strings.TrimPrefix(u.Path, "/")
		a.exec(t, `CREATE DATABASE `+name+` ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`)
		t.Cleanup(func() { a.exec(t, `DROP DATABASE `+name+` WITH (FORCE)`) })
		l := newApp(t, u.String(), appSchema)
		l.exec(t, `INSERT INTO vibe_tasks VALUES ('caf' || chr(233), 'running', 'zo' || chr(235))`)
		l.exec(t, `INSERT INTO vibe_events (task_id, event_message) SELECT task_id, task_id FROM vibe_tasks`)
		for _, dsn := range []string{u.String(), with(u.String(), "client_encoding=LATIN1")} {
			s := opened(t, dsn, withOwner)
			hers := as("zoë", "café")
			jobs, err := s.Jobs(t.Context(), append(anyones("café", "日本"), as("日本", "café"), as("zoe", "café"), hers))
			if err != nil || len(jobs) != 2 || jobs[anyones("café")[0]].ID != "café" || jobs[hers].Owner != "zoë" {
				t.Errorf("the jobs are %v, %v", jobs, err)
			}
			page, err := s.Read(t.Context(), joblog.Query{Job: "café", UpTo: joblog.Cursor{N: 1}})
			if err != nil || len(page.Events) != 1 || page.Events[0].Message != "café" {
				t.Errorf("the page is %+v, %v", page.Events, err)
			}
		}
		if _, err := opened(t, u.String()).Append(t.Context(), joblog.Batch{Job: "café", Events: []joblog.Event{{Message: "日本"}}}); !errors.Is(err, joblog.ErrInvalid) {
			t.Errorf("what the database cannot hold: %v, want ErrInvalid", err)
		}
	})
}

// TestManyHosts names a standby first. Unless the DSN says otherwise all
// connections are to the primary, whatever else is given.
func TestManyHosts(t *testing.T) {
	p := newPair(t, versions[0])
	both, err := url.Parse(p.standby.Mirror(p.dsn))
	if err != nil {
		t.Fatal(err)
	}
	primary, err := url.Parse(p.dsn)
	if err != nil {
		t.Fatal(err)
	}
	both.Host += "," + primary.Host
	for settings, standby := range map[string]bool{
		"": false, "default_transaction_read_only=off": false, "target_session_attrs=primary": false,
		"target_session_attrs=read-write": false, "target_session_attrs=standby": true,
	} {
		t.Run(settings, func(t *testing.T) {
			s := opened(t, with(both.String(), settings))
			var got bool
			if err := s.use(t.Context(), func(ctx context.Context, pool *pgxpool.Pool, _ *layout) error {
				return pool.QueryRow(ctx, `SELECT pg_is_in_recovery()`).Scan(&got)
			}); err != nil || got != standby {
				t.Errorf("it is the standby: %t, want %t; %v", got, standby, err)
			}
			conn, err := s.connectListener(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close(t.Context())
			var name string
			if err := conn.QueryRow(t.Context(), `SELECT pg_is_in_recovery(), current_setting('application_name')`).Scan(&got, &name); err != nil || got != standby || name != "caddyjobs listener" {
				t.Errorf("%s listens to the standby: %t, want %t; %v", name, got, standby, err)
			}
		})
	}
	r, err := readDSN(fmt.Sprintf("%s&pool_max_conns=1", p.dsn))
	if c := connections(r); err != nil || c != fewest {
		t.Errorf("%d connections, want one for the tail and one for each kind of call; %v", c, err)
	}
}
