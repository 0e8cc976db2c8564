package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// numbered are events that differ.
func numbered(text string, n int) (events []joblog.Event) {
	for i := range n {
		events = append(events, joblog.Event{Message: fmt.Sprint(text, " ", i)})
	}
	return events
}

// TestRewound empties the table, and its sequence starts again: noticed whether
// or not new rows are past the old ones, and whether or not the sequence may be
// read.
func TestRewound(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		reader := a.reader(t)
		for _, dsn := range []string{a.dsn, reader} {
			for _, n := range []int{1, 4, 20} {
				a.exec(t, `TRUNCATE vibe_events RESTART IDENTITY`)
				a.insert(t, "job", numbered("old", 4)...)
				f := follow(t, opened(t, dsn))
				a.exec(t, `TRUNCATE vibe_events RESTART IDENTITY`)
				a.insert(t, "job", numbered("new", n)...)
				if err := f.tick(); !errors.Is(err, joblog.ErrRewound) {
					t.Errorf("after TRUNCATE … RESTART IDENTITY and %d rows: %v", n, err)
				}
			}
		}
		// Without a sequence that may be read, the highest id tells.
		f := follow(t, opened(t, reader))
		a.exec(t, `DELETE FROM vibe_events; ALTER SEQUENCE vibe_events_event_id_seq RESTART`)
		a.insert(t, "job", numbered("new", 3)...)
		if err := f.tick(); !errors.Is(err, joblog.ErrRewound) {
			t.Errorf("after ALTER SEQUENCE … RESTART: %v", err)
		}
	})
}

// TestRewritten moves the table to other files, with the rows that it had.
func TestRewritten(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		a.insert(t, "job", numbered("row", 2*maxMarks)...)
		f.mustTick()
		a.exec(t, `DELETE FROM vibe_events WHERE event_id < 5`)
		a.exec(t, `VACUUM FULL vibe_events`)
		a.insert(t, "job", numbered("more", 2)...)
		f.mustTick()
		if n := 2*maxMarks + 2; len(f.got) != n {
			t.Errorf("%d rows came, want %d", len(f.got), n)
		}
	})
}

// TestChangedRows corrects the newest rows and deletes some while all sessions
// are new: nothing went back.
func TestChangedRows(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		a.insert(t, "job", numbered("row", maxMarks)...)
		f.mustTick()
		a.exec(t, `UPDATE vibe_events SET severity = 'error', event_time = event_time + 1 WHERE event_id % 2 = 0`)
		a.exec(t, `DELETE FROM vibe_events WHERE event_id > 10`)
		a.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caddyjobs' AND datname = current_database()`)
		a.insert(t, "job", numbered("more", 2)...)
		for err := f.tick(); err != nil; err = f.tick() { // a session that was ended is noticed when it is used
			if errors.Is(err, joblog.ErrRewound) {
				t.Fatal(err)
			}
		}
		if n := maxMarks + 2; len(f.got) != n {
			t.Errorf("%d rows came, want %d", len(f.got), n)
		}
	})
}

// TestSwappedTable puts another table in the place of the one that is followed:
// at once, and with a tick in between that finds none.
func TestSwappedTable(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		s := opened(t, a.dsn)
		f := follow(t, s)
		a.insert(t, "job", joblog.Event{Message: "old"})
		f.mustTick()
		a.exec(t, `DO $$ BEGIN ALTER TABLE vibe_events RENAME TO old_events; CREATE TABLE vibe_events (LIKE old_events INCLUDING ALL); END $$`)
		if err := f.tick(); !errors.Is(err, joblog.ErrRewound) {
			t.Errorf("with another table: %v", err)
		}
		f = follow(t, s)
		a.exec(t, `ALTER TABLE vibe_events RENAME TO older_events`)
		if err := f.tick(); err == nil {
			t.Error("without a table a tick gives no error")
		}
		a.exec(t, `CREATE TABLE vibe_events (LIKE older_events INCLUDING ALL)`)
		if err := f.tick(); !errors.Is(err, joblog.ErrRewound) {
			t.Errorf("with another table, after there was none: %v", err)
		}
		f = follow(t, s)
		open := a.begin(t)
		insertIn(t, open)
		a.insert(t, "job", joblog.Event{Message: "new"})
		f.mustTick()
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.mustTick()
		f.compare(a, 0)
	})
}

// TestReusedIDs kills a server that has not yet stored its newest commits; when
// a tick sees it again, other rows have their ids, and more.
func TestReusedIDs(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			server := testdb.Start(t, version, "wal_writer_delay=10s", "synchronous_commit=off")
			a := newApp(t, server.Database(t), appSchema)
			a.setJob(t, "job", "running")
			a.insert(t, "job", joblog.Event{Message: "kept"})
			a.exec(t, `CHECKPOINT`)
			f := follow(t, opened(t, a.dsn))
			old := a.insert(t, "job", numbered("lost", 10)...)
			f.mustTick()
			server.Kill9(t)
			server.Restart(t)
			a.pool.Reset()
			if ids := a.insert(t, "job", numbered("new", 50)...); !slices.Contains(ids, old[0]) {
				t.Fatalf("the ids %v are not given out again, but %v", old, ids)
			}
			f.until("the gap", func() bool { return f.last != nil && errors.Is(f.last, joblog.ErrRewound) || len(f.got) > len(old) })
			if !errors.Is(f.last, joblog.ErrRewound) {
				t.Errorf("the tail goes on after rows with ids that it has seen: %d came", len(f.got))
			}
		})
	}
}

// TestLostBackend kills a process of the server, which starts again by itself,
// as the same server: a prepared transaction is known by another name then.
func TestLostBackend(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			a := newApp(t, testdb.Start(t, version).Database(t), appSchema)
			a.setJob(t, "job", "running")
			f := follow(t, opened(t, a.dsn))
			prepared := a.begin(t)
			late := insertIn(t, prepared)
			if _, err := prepared.Exec(t.Context(), `PREPARE TRANSACTION 'two'`); err != nil {
				t.Fatal(err)
			}
			_ = prepared.Rollback(context.Background())
			a.insert(t, "job", joblog.Event{Message: "before"})
			f.mustTick()
			a.killBackend(t)
			f.until("another process", func() bool { return len(f.tail.(*tail).identity.backends) == 2 })
			f.mustTick()
			if f.tail.Position().Covers(late) {
				t.Error("the row of a prepared transaction is given up")
			}
			a.pool.Reset()
			a.exec(t, `COMMIT PREPARED 'two'`)
			f.mustTick()
			f.compare(a, 0)
		})
	}
}

// killBackend kills a process of the server.
func (a *app) killBackend(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), a.dsn)
	if err != nil {
		t.Fatal(err)
	}
	var pid int
	if err := conn.QueryRow(t.Context(), `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Exec(t.Context(), `SELECT pg_sleep(60)`); err == nil {
		t.Error("a process that was killed answers")
	}
}

// TestNoGap does to the table what is no loss: no viewer is told of a gap, in the
// sessions that there are and in new ones.
func TestNoGap(t *testing.T) {
	const parted = `DROP TABLE vibe_events; CREATE TABLE vibe_events (event_id bigserial, task_id text NOT NULL, event_message text NOT NULL, severity text,
			event_time bigint NOT NULL DEFAULT 1, PRIMARY KEY (event_id, event_time)) PARTITION BY RANGE (event_time);
		CREATE TABLE old PARTITION OF vibe_events FOR VALUES FROM (0) TO (10); CREATE TABLE new PARTITION OF vibe_events FOR VALUES FROM (10) TO (20)`
	onVersions(t, func(t *testing.T, a *app) {
		for _, c := range []struct{ name, before, change string }{
			{"purged, then a partition is made", parted, `DELETE FROM vibe_events; CREATE TABLE newer PARTITION OF vibe_events FOR VALUES FROM (20) TO (30)`},
			{"a partition is detached", parted, `ALTER TABLE vibe_events DETACH PARTITION old`},
			{"a partition is dropped", parted, `DROP TABLE old`},
			{"all partitions are dropped", parted, `DROP TABLE old, new; CREATE TABLE newer PARTITION OF vibe_events DEFAULT`},
			{"an old partition is emptied", parted, `TRUNCATE old`},
			{"messages are edited", `SELECT 1`, `UPDATE vibe_events SET event_message = 'redacted'`},
			{"some are edited, some deleted, and the table is written anew", `SELECT 1`, `UPDATE vibe_events SET event_message = 'redacted' WHERE event_id > 18;
				DELETE FROM vibe_events WHERE event_id % 3 = 0`},
		} {
			t.Run(c.name, func(t *testing.T) {
				a.exec(t, `DROP SCHEMA public CASCADE; CREATE SCHEMA public`)
				a.exec(t, appSchema)
				a.exec(t, c.before)
				a.setJob(t, "job", "running")
				f := follow(t, opened(t, a.dsn))
				for i := range 20 {
					a.exec(t, `INSERT INTO vibe_events (task_id, event_message, event_time) VALUES ('job', 'row ' || $1::int, $1::int)`, i)
				}
				f.mustTick()
				a.exec(t, c.change)
				if c.before == `SELECT 1` {
					a.exec(t, `VACUUM vibe_events`)
				}
				if strings.HasPrefix(c.name, "some") {
					a.exec(t, `VACUUM FULL vibe_events`)
				}
				f.mustTick()
				a.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caddyjobs' AND datname = current_database()`)
				f.mustTick()
				if len(f.got) != 20 {
					t.Errorf("%d rows came, want 20", len(f.got))
				}
			})
		}
	})
}

// TestLostByBackend kills a process of a server that has not yet stored its newest
// commits: it starts again by itself without them, as the same server.
func TestLostByBackend(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			server := testdb.Start(t, version, "wal_writer_delay=10s", "synchronous_commit=off")
			a := newApp(t, server.Database(t), appSchema)
			a.setJob(t, "job", "running")
			a.insert(t, "job", joblog.Event{Message: "kept"})
			a.exec(t, `CHECKPOINT`)
			f := follow(t, opened(t, a.dsn))
			old := a.insert(t, "job", numbered("lost", 10)...)
			f.mustTick()
			a.killBackend(t)
			a.pool.Reset()
			var ids []int64
			await(t, "the server", func() bool { return a.pool.Ping(t.Context()) == nil })
			if ids = a.insert(t, "job", numbered("new", 50)...); !slices.Contains(ids, old[0]) {
				t.Fatalf("the ids %v are not given out again, but %v", old, ids)
			}
			f.until("the gap", func() bool { return f.last != nil && errors.Is(f.last, joblog.ErrRewound) || len(f.got) > len(old) })
			if !errors.Is(f.last, joblog.ErrRewound) {
				t.Errorf("the tail goes on after rows with ids that it has seen: %d came", len(f.got))
			}
		})
	}
}

// TestPurgedAndRestarted has the rows of a job that has ended deleted, then a
// restart: rows that came later are there, so nothing was lost.
func TestPurgedAndRestarted(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			server := testdb.Start(t, version)
			a := newApp(t, server.Database(t), appSchema)
			a.setJob(t, "job", "running")
			a.setJob(t, "done", "completed")
			f := follow(t, opened(t, a.dsn))
			a.insert(t, "done", numbered("row", 5)...)
			f.mustTick()
			a.insert(t, "job", numbered("row", 2)...)
			f.mustTick()
			a.exec(t, `DELETE FROM vibe_events WHERE task_id = 'done'`)
			server.Restart(t)
			a.pool.Reset()
			f.mustTick()
			a.insert(t, "job", numbered("more", 2)...)
			f.mustTick()
			if len(f.got) != 4 {
				t.Errorf("%d rows came, want 4", len(f.got))
			}
		})
	}
}
