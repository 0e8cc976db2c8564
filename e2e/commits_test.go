package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCommitOrder writes with 16 writers whose transactions commit in another
// order than they took their ids: with savepoints, rollbacks, and commits
// that come late. Every viewer ends with exactly the rows of the table.
func TestCommitOrder(t *testing.T) {
	t.Parallel()
	const jobs, writers, atLeast = 4, 16, 20_000
	a := newPostgresApp(t)
	s := start(t, config{store: a.store, jobs: "poll_interval 100ms"})
	a.db.SetMaxOpenConns(writers + 2)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)

	var watching []*transcript
	name := func(i int) string { return fmt.Sprintf("job-%d", i%jobs) }
	for i := range jobs {
		a.addJob(t, name(i))
	}
	cuts := newRelay(t, s.http[len("http://localhost"):])
	through := "http://localhost:" + cuts.port()
	for i := range jobs {
		watching = append(watching,
			watch(t, s, "/jobs/"+name(i)+"/logs"), watch(t, s, "/jobs/"+name(i)+"/logs"),
			startGo(t, s, through+"/jobs/"+name(i)+"/logs"))
	}

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	var written atomic.Int64
	var running sync.WaitGroup
	for i := range writers {
		running.Go(func() {
			random := rand.New(rand.NewPCG(seed, uint64(i)))
			for ctx.Err() == nil || written.Load() < atLeast {
				n, err := writeTransaction(t.Context(), a.db, random, name)
				if err != nil {
					t.Errorf("writer %d: %v", i, err)
					return
				}
				written.Add(int64(n))
			}
		})
	}
	running.Go(func() { cutNowAndThen(ctx, cuts) })
	running.Wait()
	total := 0
	for i := range jobs {
		a.setState(t, name(i), "completed")
		want := a.rows(t, name(i))
		total += len(want)
		for _, tr := range watching[3*i : 3*i+3] {
			tr.awaitRows(t, "completed", want)
		}
	}
	t.Logf("%d rows", total)
	if total < atLeast {
		t.Errorf("only %d rows were written, want %d", total, atLeast)
	}
}

// writeTransaction writes a few rows the way applications do, and returns how
// many stay.
func writeTransaction(ctx context.Context, db *sql.DB, random *rand.Rand, name func(int) string) (int, error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }() // of no effect after the commit
	kept := 0
	for range 1 + random.IntN(4) {
		under := random.IntN(3) == 0
		if under {
			if _, err := tx.ExecContext(ctx, "SAVEPOINT s"); err != nil {
				return 0, err
			}
		}
		n := 1 + random.IntN(4)
		for range n {
			if _, err := tx.ExecContext(ctx, insertEvent, name(random.Int()), "a line", "info", eventTime); err != nil {
				return 0, err
			}
		}
		switch {
		case under && random.IntN(3) == 0:
			_, err = tx.ExecContext(ctx, "ROLLBACK TO SAVEPOINT s")
			n = 0
		case under:
			_, err = tx.ExecContext(ctx, "RELEASE SAVEPOINT s")
		}
		if err != nil {
			return 0, err
		}
		kept += n
		if random.IntN(20) == 0 {
			wait(ctx, time.Duration(random.IntN(200))*time.Millisecond)
		}
	}
	if random.IntN(300) == 0 {
		wait(ctx, 3*time.Second) // a commit that comes late
	}
	if random.IntN(8) == 0 {
		return 0, tx.Rollback()
	}
	return kept, tx.Commit()
}

// cutNowAndThen cuts all that goes through the relay once a second.
func cutNowAndThen(ctx context.Context, r *relay) {
	for ctx.Err() == nil {
		wait(ctx, time.Second)
		r.cut()
	}
}

// wait lets time pass, where that is what a writer does.
func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
