package postgres

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// patience bounds every wait. Only a broken store meets it.
const patience = 60 * time.Second

// follower drives a tail of job "job" and notes what comes.
type follower struct {
	t    *testing.T
	tail joblog.Tail
	got  []int64
	end  string
	last error // of the last tick
}

func follow(t *testing.T, s *Store) *follower {
	t.Helper()
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return &follower{t: t, tail: tail}
}

// tick calls Next once.
func (f *follower) tick() error {
	ctx, cancel := context.WithTimeout(f.t.Context(), patience)
	defer cancel()
	tick, err := f.tail.Next(ctx, joblog.Watch{Jobs: map[string]struct{}{"job": {}}, Ask: []string{"job"}})
	f.take(tick)
	f.last = err
	return err
}

func (f *follower) take(tick joblog.Tick) {
	for _, e := range tick.Events {
		f.got = append(f.got, e.ID)
	}
	if state, ok := tick.Ended["job"]; ok {
		f.end = state
	}
}

// nextAll is the outcome of a tick and of those that have to follow at once.
func nextAll(t testing.TB, tail joblog.Tail, w joblog.Watch) (all joblog.Tick) {
	t.Helper()
	for more := true; more; {
		tick, err := tail.Next(t.Context(), w)
		if err != nil {
			t.Fatal(err)
		}
		tick.Events = append(all.Events, tick.Events...)
		all, more = tick, tick.More
	}
	return all
}

// until ticks until done. Ticks that fail are repeated.
func (f *follower) until(what string, done func() bool) {
	f.t.Helper()
	late := time.After(patience)
	for !done() {
		err := f.tick()
		select {
		case <-late:
			f.t.Fatalf("%s: not within %s; the last tick: %v", what, patience, err)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// compare fails the test unless exactly the rows of the table above id came.
func (f *follower) compare(a *app, above int64) {
	f.t.Helper()
	rows, err := a.pool.Query(f.t.Context(), `SELECT event_id FROM vibe_events WHERE task_id = 'job' AND event_id > $1 ORDER BY 1`, above)
	if err != nil {
		f.t.Fatal(err)
	}
	want, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		f.t.Fatal(err)
	}
	got := slices.Sorted(slices.Values(f.got))
	if !slices.Equal(got, want) {
		f.t.Errorf("%d rows came, want %d", len(got), len(want))
	}
}

// onVersions runs a test on an application's database of each version.
func onVersions(t *testing.T, test func(t *testing.T, a *app)) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			test(t, newApp(t, testdb.Shared(t, version).Database(t), appSchema))
		})
	}
}

// begin starts a transaction of the application, which end ends.
func (a *app) begin(t testing.TB) pgx.Tx {
	t.Helper()
	tx, err := a.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	return tx
}

const insertRow = `INSERT INTO vibe_events (task_id, event_message) VALUES ('job', 'a row') RETURNING event_id`

func insertIn(t *testing.T, tx pgx.Tx) (id int64) {
	t.Helper()
	if err := tx.QueryRow(t.Context(), insertRow).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestLateCommit commits a row after later ones were read: with a savepoint,
// after a tail that started in between, and as a prepared transaction.
func TestLateCommit(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		s := opened(t, a.dsn)
		early := follow(t, s)
		long, prepared := a.begin(t), a.begin(t)
		if _, err := long.Exec(t.Context(), `SAVEPOINT x`); err != nil {
			t.Fatal(err)
		}
		first, second := insertIn(t, long), insertIn(t, prepared)
		if _, err := long.Exec(t.Context(), `RELEASE SAVEPOINT x`); err != nil {
			t.Fatal(err)
		}
		if _, err := prepared.Exec(t.Context(), `PREPARE TRANSACTION 'two'`); err != nil {
			t.Fatal(err)
		}
		_ = prepared.Rollback(context.Background()) // the session is done with it
		third := a.insert(t, "job", joblog.Event{Message: "at once"})[0]
		late := follow(t, s) // waits for the writers a little, and takes note of them
		early.until("the row that is visible", func() bool { return slices.Contains(early.got, third) })
		for range 5 {
			if err := errors.Join(early.tick(), late.tick()); err != nil {
				t.Fatal(err)
			}
		}
		if p := early.tail.Position(); p.Covers(first) || p.Covers(second) || !p.Covers(third) || late.tail.Position().Covers(first) {
			t.Errorf("the positions are %s and %s; rows %d and %d are in flight", p, late.tail.Position(), first, second)
		}
		a.exec(t, `COMMIT PREPARED 'two'`)
		if err := long.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		early.until("the late rows", func() bool { return len(early.got) == 3 })
		late.until("the late rows", func() bool { return len(late.got) == 2 })
		early.compare(a, 0)
		early.until("no holes", func() bool { return len(early.tail.Position().Holes) == 0 })
	})
}

// TestRollback burns ids: the holes close, and the end is not held up.
func TestRollback(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		tx := a.begin(t)
		insertIn(t, tx)
		a.insert(t, "job", joblog.Event{Message: "after it"})
		f.until("the row", func() bool { return len(f.got) == 1 })
		if len(f.tail.Position().Holes) != 1 {
			t.Errorf("beside a writer the position is %s", f.tail.Position())
		}
		if err := tx.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.setJob(t, "job", "completed")
		f.until("the end", func() bool { return f.end == "completed" })
		if p := f.tail.Position(); len(p.Holes) > 0 {
			t.Errorf("after the rollback the position is %s", p)
		}
	})
}

// TestHostile has writers whose commits come in any order.
func TestHostile(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		var writers sync.WaitGroup
		for i := range 8 {
			writers.Go(func() {
				r := rand.New(rand.NewPCG(uint64(i), 5))
				for n := 0; ctx.Err() == nil; n++ {
					if err := a.hostile(t.Context(), r, fmt.Sprintf("w%d-%d", i, n)); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		for ctx.Err() == nil {
			if err := f.tick(); err != nil {
				t.Error(err)
			}
		}
		writers.Wait()
		a.setJob(t, "job", "completed")
		f.until("the end", func() bool { return f.end != "" })
		f.compare(a, 0)
		t.Logf("%d rows", len(f.got))
	})
}

// hostile writes one transaction the way that hurts.
func (a *app) hostile(ctx context.Context, r *rand.Rand, name string) error {
	conn, err := a.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	statements := []string{"BEGIN"}
	for range 1 + r.IntN(4) {
		switch r.IntN(4) {
		case 0:
			statements = append(statements, "SAVEPOINT s", insertRow, []string{"ROLLBACK TO s", "RELEASE s"}[r.IntN(2)])
		case 1:
			statements = append(statements, insertRow, fmt.Sprintf("SELECT pg_sleep(%g)", r.Float64()/20))
		default:
			statements = append(statements, insertRow)
		}
	}
	switch r.IntN(8) {
	case 0:
		statements = append(statements, "ROLLBACK")
	case 1:
		statements = append(statements, "PREPARE TRANSACTION '"+name+"'", "COMMIT PREPARED '"+name+"'")
	default:
		statements = append(statements, "COMMIT")
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// TestCrash kills the server under a tail, with a prepared transaction whose
// rows come after it was started again.
func TestCrash(t *testing.T) {
	server := testdb.Start(t, "18")
	a := newApp(t, server.Database(t), appSchema)
	a.setJob(t, "job", "running")
	f := follow(t, opened(t, a.dsn))
	prepared := a.begin(t)
	insertIn(t, prepared)
	if _, err := prepared.Exec(t.Context(), `PREPARE TRANSACTION 'two'`); err != nil {
		t.Fatal(err)
	}
	_ = prepared.Rollback(context.Background())
	a.insert(t, "job", joblog.Event{Message: "before"})
	f.until("the row before", func() bool { return len(f.got) == 1 })
	server.Kill9(t)
	if err := f.tick(); err == nil {
		t.Error("a tick of a dead server gives no error")
	}
	server.Restart(t)
	a.pool.Reset()
	a.insert(t, "job", joblog.Event{Message: "after"})
	f.until("the row after", func() bool { return len(f.got) == 2 })
	for range 3 {
		if err := f.tick(); err != nil {
			t.Fatal(err)
		}
	}
	a.exec(t, `COMMIT PREPARED 'two'`)
	f.until("the prepared row", func() bool { return len(f.got) == 3 })
	f.compare(a, 0)
}

// TestManyJobs watches more jobs than the database filters rows by.
func TestManyJobs(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		a.setJob(t, "other", "running")
		s := opened(t, a.dsn)
		tail, err := s.Tail(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w := joblog.Watch{Jobs: map[string]struct{}{"job": {}}, Ask: []string{"job"}}
		for i := range filterJobs {
			w.Jobs[fmt.Sprint("job-", i)] = struct{}{}
		}
		tx := a.begin(t) // a hole, for the statement that looks at holes as well
		late := insertIn(t, tx)
		want := a.insert(t, "job", joblog.Event{Message: "watched"})
		a.insert(t, "other", joblog.Event{Message: "not watched"})
		var got []int64
		next := func() joblog.Tick {
			tick := nextAll(t, tail, w)
			for _, e := range tick.Events {
				if e.Job != "job" {
					t.Errorf("a row of %q came, which is not watched", e.Job)
				}
				got = append(got, e.ID)
			}
			return tick
		}
		next()
		if err := tx.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		next()
		if want = append(want, late); !slices.Equal(got, want) {
			t.Errorf("rows %v came, want %v", got, want)
		}
		a.setJob(t, "job", "completed")
		if tick := next(); tick.Ended["job"] != "completed" {
			t.Errorf("ended are %v", tick.Ended)
		}
	})
}
