package oracle

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// job is one job, and who may write to it.
type job struct {
	name   string
	course course
	gate   sync.RWMutex  // writers hold it for reading; who ends the job keeps it
	ended  chan struct{} // closed when the job has ended for good
	rows   int           // visible then
	lives  lives

	optional map[int64]struct{} // rows that came too late after the end to be shown for sure
}

// end ends a job while other jobs are written to. Other transactions that wrote
// to it have ended, or in early seeds have at least made their last statement for
// it. Before, the job may be deleted and made again.
func (s *scenario) end(ctx context.Context, t *testing.T, j *job, r *rand.Rand) error {
	defer close(j.ended)
	at := s.length/3 + time.Duration(r.IntN(int(s.length)))
	if j.course == remade || j.course == repeated {
		pause(s.stop, at/2)
		j.gate.Lock()
		err := s.turn(ctx, t, j, r)
		j.gate.Unlock()
		if at /= 2; err != nil {
			return err
		}
	}
	if s.ordinary || at > s.length {
		<-s.stop.Done()
	} else {
		pause(s.stop, at)
	}
	j.gate.Lock() // for good
	if s.stop.Err() == nil {
		s.count.add(&s.count.ends, 1)
	}
	if j.course == abandoned {
		return s.remake(ctx, t, j, r, false)
	}
	return s.conclude(ctx, j, r)
}

// turn ends one life of a job, and begins another.
func (s *scenario) turn(ctx context.Context, t *testing.T, j *job, r *rand.Rand) error {
	if j.course == repeated {
		if err := s.conclude(ctx, j, r); err != nil {
			return err
		}
		pause(ctx, time.Duration(r.IntN(500))*time.Millisecond)
	}
	return s.remake(ctx, t, j, r, true)
}

// conclude writes the last rows and the state: in one transaction, or the rows
// first, or, where a store waits for them, the state first.
func (s *scenario) conclude(ctx context.Context, j *job, r *rand.Rand) error {
	if !s.early {
		if err := s.resolved(ctx, r); err != nil {
			return err
		}
	}
	if s.early {
		commit := s.straggle(ctx, j, r)
		defer commit()
	}
	rows, how, between := r.IntN(4), r.IntN(4), time.Duration(r.IntN(300))*time.Millisecond
	var err error
	switch {
	case how == 2:
		if err = s.write(ctx, func(tx *sql.Tx) error { return lastRows(ctx, tx, j, rows) }); err == nil {
			pause(ctx, between)
			err = s.write(ctx, func(tx *sql.Tx) error { return complete(ctx, tx, j) })
		}
	case how == 3 && s.after > 0:
		err = s.stateFirst(ctx, j, 1+rows, min(between, s.after/3))
	default:
		err = s.write(ctx, func(tx *sql.Tx) error { return j.finish(ctx, tx, rows, how == 0) })
	}
	if err != nil {
		return err
	}
	return s.insist(ctx, func(ctx context.Context, conn *sql.Conn) error {
		return conn.QueryRowContext(ctx, `SELECT count(*) FROM vibe_events WHERE task_id = $1`, j.name).Scan(&j.rows)
	})
}

// write makes a transaction until it succeeds. It may be made again: what became
// of a transaction whose session broke, nobody knows.
func (s *scenario) write(ctx context.Context, do func(*sql.Tx) error) error {
	return s.insist(ctx, func(ctx context.Context, conn *sql.Conn) error { return transact(ctx, conn, do) })
}

// stateFirst writes the last rows once the state was committed, by others. If that
// took longer than the store waits, viewers may have them or not.
func (s *scenario) stateFirst(ctx context.Context, j *job, rows int, between time.Duration) error {
	begun := time.Now() // the state is seen later
	if err := s.write(ctx, func(tx *sql.Tx) error { return complete(ctx, tx, j) }); err != nil {
		return err
	}
	pause(ctx, between)
	if err := s.write(ctx, func(tx *sql.Tx) error { return lastRows(ctx, tx, j, rows) }); err != nil {
		return err
	}
	s.count.add(&s.count.stateFirst, 1)
	if time.Since(begun) < s.after {
		return nil
	}
	s.count.add(&s.count.tooLate, 1)
	return s.insist(ctx, func(ctx context.Context, conn *sql.Conn) error {
		late, err := rowsLike(ctx, conn, j.name, j.name+"/last/")
		j.optional = map[int64]struct{}{}
		for _, r := range late {
			j.optional[r.id] = struct{}{}
		}
		return err
	})
}

// lastRows writes rows by which viewers know that the end is near. Those that are
// there already are not written again.
func lastRows(ctx context.Context, tx *sql.Tx, j *job, rows int) error {
	_, err := tx.ExecContext(ctx, `WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < 10)
		INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		SELECT CAST($1 AS text), $2 || i, 'info', 1234567890 FROM s WHERE i <= $3 ON CONFLICT DO NOTHING`, j.name, j.last(), rows)
	return err
}

// last is what the messages of the last rows of the job's present life begin with.
func (j *job) last() string { return fmt.Sprintf("%s/last/%d/", j.name, j.lives.life()) }

func complete(ctx context.Context, tx *sql.Tx, j *job) error {
	_, err := tx.ExecContext(ctx, `UPDATE vibe_tasks SET execution_state = 'completed' WHERE task_id = $1`, j.name)
	return err
}

// finish writes the last rows and the state, which may come first.
func (j *job) finish(ctx context.Context, tx *sql.Tx, rows int, stateFirst bool) error {
	if stateFirst {
		if err := complete(ctx, tx, j); err != nil {
			return err
		}
	}
	if err := lastRows(ctx, tx, j, rows); err != nil || stateFirst {
		return err
	}
	return complete(ctx, tx, j)
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

// resolved ends the prepared transactions, where there are some.
func (s *scenario) resolved(ctx context.Context, r *rand.Rand) error {
	if s.file {
		return nil
	}
	return s.insist(ctx, func(ctx context.Context, conn *sql.Conn) error { return s.resolve(ctx, conn, r) })
}

// resolve ends the prepared transactions.
func (s *scenario) resolve(ctx context.Context, conn *sql.Conn, r *rand.Rand) error {
	var prepared []string
	if err := each(ctx, conn, `SELECT gid FROM pg_prepared_xacts WHERE database = current_database() AND gid LIKE $1`, []any{fmt.Sprintf("%d-%%", s.seed)},
		func(scan func(...any) error) error {
			var gid string
			err := scan(&gid)
			prepared = append(prepared, gid)
			return err
		}); err != nil {
		return err
	}
	for _, gid := range prepared {
		if _, err := conn.ExecContext(ctx, []string{"COMMIT", "ROLLBACK"}[r.IntN(2)]+" PREPARED '"+gid+"'"); err != nil {
			return err // its writer was faster; it is looked for again
		}
	}
	return nil
}

// gone waits until the server has ended a session that broke.
func (s *scenario) gone(ctx context.Context, pid uint32) error {
	for left := 1; left > 0; pause(ctx, time.Millisecond) {
		if err := s.insist(ctx, func(ctx context.Context, conn *sql.Conn) error {
			return conn.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND application_name = $2 AND pid <> pg_backend_pid()`, pid, s.app()).Scan(&left)
		}); err != nil {
			return err
		}
	}
	return nil
}
