package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Append stores a batch in one transaction. When it returns, the batch is on
// the disk.
func (s *Store) Append(ctx context.Context, b joblog.Batch) (ids []int64, err error) {
	if !possible(b.Job) {
		return nil, fmt.Errorf("appending: %w: no job can have the id %.40q", joblog.ErrInvalid, b.Job)
	}
	err = s.use(ctx, func(ctx context.Context, f *file) error {
		if !f.rowid {
			return fmt.Errorf("%w: the column %s is not INTEGER PRIMARY KEY, so SQLite gives out no ids",
				joblog.ErrUnsupported, s.tables.Events.ID)
		}
		return refused(f.change(ctx, func(tx *sql.Tx) (err error) {
			ids, err = f.store(ctx, tx, b)
			return err
		}))
	})
	if err != nil {
		return nil, fmt.Errorf("appending: %w", err)
	}
	return ids, nil
}

// store stores a batch, or finds that it was stored before.
func (f *file) store(ctx context.Context, tx *sql.Tx, b joblog.Batch) ([]int64, error) {
	if b.Key != "" {
		if ids, known, err := recall(ctx, tx, b); known || err != nil {
			return ids, err
		}
	}
	now := time.Now()
	if err := f.ensureJob(ctx, tx, b.Job, now); err != nil {
		return nil, err
	}
	ids, err := f.insertAll(ctx, tx, b, now)
	if err == nil && b.Key != "" {
		err = remember(ctx, tx, b, ids, now)
	}
	return ids, err
}

// ensureJob makes the job, or returns ErrUnknownJob where jobs are not ours to
// make.
func (f *file) ensureJob(ctx context.Context, tx *sql.Tx, job string, now time.Time) error {
	if f.owned {
		_, err := tx.ExecContext(ctx, f.addJob, job, now.UnixMilli())
		return err
	}
	var one int
	err := tx.QueryRowContext(ctx, f.hasJob, job).Scan(&one)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("%w %.80q", joblog.ErrUnknownJob, job)
	}
	return err
}

func (f *file) insertAll(ctx context.Context, tx *sql.Tx, b joblog.Batch, now time.Time) ([]int64, error) {
	at, err := f.clock(ctx, tx)
	if err != nil {
		return nil, err
	}
	insert, err := tx.PrepareContext(ctx, f.insert)
	if err != nil {
		return nil, err
	}
	defer insert.Close()
	ids := make([]int64, 0, len(b.Events))
	for i := range b.Events {
		e := &b.Events[i]
		severity, ms := e.Severity, e.Time
		if severity == "" {
			severity = "info"
		}
		if ms == 0 {
			ms = now.UnixMilli()
		}
		done, err := insert.ExecContext(ctx, b.Job, e.Message, severity, at(ms))
		if err != nil {
			return nil, err
		}
		id, err := done.LastInsertId()
		if err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// clock writes times as the table has them: as its newest row.
func (f *file) clock(ctx context.Context, tx *sql.Tx) (clock, error) {
	if f.owned {
		return millis, nil
	}
	var newest any
	err := each(ctx, tx, f.lastTime, nil, func(scan scanner) error { return scan(&newest) })
	return clockLike(newest, f.timeType), err
}

// SetState stores a job's state, durably.
func (s *Store) SetState(ctx context.Context, job, state string) error {
	if !possible(job) || !possible(state) {
		return fmt.Errorf("setting a state: %w: no job can have the id %.40q and the state %.40q", joblog.ErrInvalid, job, state)
	}
	err := s.use(ctx, func(ctx context.Context, f *file) error {
		return refused(f.change(ctx, func(tx *sql.Tx) error { return f.setJob(ctx, tx, job, state) }))
	})
	if err != nil {
		return fmt.Errorf("setting a state: %w", err)
	}
	return nil
}

func (f *file) setJob(ctx context.Context, tx *sql.Tx, job, state string) error {
	if f.owned {
		_, err := tx.ExecContext(ctx, f.putState, job, state, time.Now().UnixMilli())
		return err
	}
	done, err := tx.ExecContext(ctx, f.setState, job, state)
	if err != nil {
		return err
	}
	if n, err := done.RowsAffected(); err != nil || n > 0 {
		return err
	}
	return fmt.Errorf("%w %.80q", joblog.ErrUnknownJob, job)
}

// refused says of errors by which the application's tables refuse a row that
// trying again is of no use.
func refused(err error) error {
	switch code(err) {
	case lib.SQLITE_CONSTRAINT, lib.SQLITE_MISMATCH, lib.SQLITE_TOOBIG:
		return fmt.Errorf("%w: the table takes no such row: %w", joblog.ErrInvalid, err)
	default:
		return err
	}
}
