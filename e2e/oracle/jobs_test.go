package oracle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
)

// job is one job, and who may write to it.
type job struct {
	name  string
	gate  sync.RWMutex  // writers hold it for reading; who ends the job keeps it
	ended chan struct{} // closed when the job has ended
	rows  int           // visible then
}

// end ends a job while other jobs are written to, in the transaction of its
// last rows. Other transactions that wrote to it have ended, or in early seeds
// have at least made their last statement for it.
func (s *scenario) end(ctx context.Context, j *job, r *rand.Rand) error {
	if at := s.length/3 + time.Duration(r.IntN(int(s.length))); s.ordinary || at > s.length {
		<-s.stop.Done()
	} else {
		pause(s.stop, at)
	}
	j.gate.Lock() // for good
	defer close(j.ended)
	if s.stop.Err() == nil {
		s.count.end()
	}
	if !s.early {
		if err := s.insist(ctx, func(conn *pgx.Conn) error { return s.resolve(ctx, conn, r) }); err != nil {
			return err
		}
	}
	if s.early {
		commit := s.straggle(ctx, j, r)
		defer commit()
	}
	rows, first := r.IntN(4), r.IntN(2) == 0
	return s.insist(ctx, func(conn *pgx.Conn) error {
		if err := j.finish(ctx, conn, rows, first); err != nil {
			return err
		}
		return conn.QueryRow(ctx, `SELECT count(*) FROM vibe_events WHERE task_id = $1`, j.name).Scan(&j.rows)
	})
}

// straggle writes rows of a job that are to be committed after its end. If the
// session breaks there are none.
func (s *scenario) straggle(ctx context.Context, j *job, r *rand.Rand) (commit func()) {
	wait, end := time.Duration(r.IntN(500))*time.Millisecond, []string{"COMMIT", "COMMIT", "COMMIT", "ROLLBACK"}[r.IntN(4)]
	begin, rows := []string{"BEGIN", "BEGIN; SAVEPOINT s"}[r.IntN(2)], 1+r.IntN(5)
	conn, err := s.connect(ctx)
	if err != nil {
		return func() {}
	}
	if _, err = conn.Exec(ctx, begin); err == nil {
		_, err = conn.Exec(ctx, insertMany, j.name, j.name+"/straggler/", rows)
	}
	return func() {
		if err == nil {
			pause(ctx, wait)
			_, _ = conn.Exec(ctx, end) // the table tells what became of it
		}
		_ = conn.Close(ctx)
	}
}

// finish writes the last rows and the state, which may come first. It may be
// made again: what became of a transaction whose session broke, nobody knows.
func (j *job) finish(ctx context.Context, conn *pgx.Conn, rows int, stateFirst bool) error {
	return pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		steps := []func() error{
			func() error {
				_, err := tx.Exec(ctx, insertMany+` ON CONFLICT DO NOTHING`, j.name, j.name+"/last/", rows)
				return err
			},
			func() error {
				_, err := tx.Exec(ctx, `UPDATE vibe_tasks SET execution_state = 'completed' WHERE task_id = $1`, j.name)
				return err
			},
		}
		if stateFirst {
			steps[0], steps[1] = steps[1], steps[0]
		}
		for _, step := range steps {
			if err := step(); err != nil {
				return err
			}
		}
		return nil
	})
}

// resolve ends the prepared transactions.
func (s *scenario) resolve(ctx context.Context, conn *pgx.Conn, r *rand.Rand) error {
	rows, err := conn.Query(ctx, `SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND gid LIKE $1`, fmt.Sprintf("%d-%%", s.seed))
	if err != nil {
		return err
	}
	prepared, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, gid := range prepared {
		if _, err := conn.Exec(ctx, []string{"COMMIT", "ROLLBACK"}[r.IntN(2)]+" PREPARED '"+gid+"'"); err != nil {
			return err // its writer was faster; it is looked for again
		}
	}
	return nil
}

// gone waits until the server has ended a session that broke.
func (s *scenario) gone(ctx context.Context, pid uint32) error {
	for left := 1; left > 0; pause(ctx, time.Millisecond) {
		if err := s.insist(ctx, func(conn *pgx.Conn) error {
			return conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND application_name = $2 AND pid <> pg_backend_pid()`, pid, s.app()).Scan(&left)
		}); err != nil {
			return err
		}
	}
	return nil
}
