package postgres

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// requestsTable remembers idempotency keys. The application creates it; its
// name is fixed.
const requestsTable = `CREATE TABLE caddyjobs_requests (key text PRIMARY KEY, job text NOT NULL, digest text NOT NULL, ` +
	`ids bigint[] NOT NULL, created timestamptz NOT NULL DEFAULT now())`

// Append stores a batch in one transaction.
func (s *Store) Append(ctx context.Context, b joblog.Batch) (ids []int64, err error) {
	err = s.change(ctx, b.Key != "", func(ctx context.Context, tx pgx.Tx, l *layout) (err error) {
		ids, err = l.store(ctx, tx, b)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("appending: %w", err)
	}
	return ids, nil
}

// change calls do in a transaction that writes. Nothing is stored before it is
// committed, so only a connection that is lost then leaves in doubt whether it
// was; one that may be made twice is not in doubt.
func (s *Store) change(ctx context.Context, twice bool, do func(context.Context, pgx.Tx, *layout) error) error {
	return s.inTurn(ctx, s.turns.writes, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		tx, err := pool.BeginTx(ctx, pgx.TxOptions{AccessMode: pgx.ReadWrite})
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback(ctx) }() // of no effect once it is committed
		if err := do(ctx, tx, l); err != nil {
			return refused(err)
		}
		err = tx.Commit(ctx)
		if lost(ctx, err) && !twice && !pgconn.SafeToRetry(err) {
			return fmt.Errorf("%w: %w", errUncertain, err)
		}
		return refused(err)
	})
}

func (l *layout) store(ctx context.Context, tx pgx.Tx, b joblog.Batch) (ids []int64, err error) {
	job, ok := canonical(l.jobsType, b.Job)
	if !ok {
		return nil, fmt.Errorf("%w %.80q", joblog.ErrUnknownJob, b.Job)
	}
	if !l.defaulted {
		return nil, fmt.Errorf("%w: the column of the events' ids has no default, so the database gives out no ids", joblog.ErrUnsupported)
	}
	if b.Key != "" {
		if ids, err = recall(ctx, tx, b); ids != nil || err != nil {
			return ids, err
		}
	}
	if err := l.known(ctx, tx, job); err != nil {
		return nil, err
	}
	if ids, err = l.insertAll(ctx, tx, job, b.Events); err == nil && b.Key != "" {
		_, err = tx.Exec(ctx, `UPDATE caddyjobs_requests SET ids = $2 WHERE key = $1`, b.Key, ids)
	}
	return ids, err
}

// known returns ErrUnknownJob unless there is the job.
func (l *layout) known(ctx context.Context, tx pgx.Tx, job string) error {
	var one int
	err := tx.QueryRow(ctx, l.hasJob, job).Scan(&one)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("%w %.80q", joblog.ErrUnknownJob, job)
	}
	return err
}

func (l *layout) insertAll(ctx context.Context, tx pgx.Tx, job string, events []joblog.Event) ([]int64, error) {
	unit, err := l.unit(ctx, tx)
	if err != nil {
		return nil, err
	}
	messages, severities, times := make([]string, len(events)), make([]string, len(events)), make([]int64, len(events))
	now := time.Now().UnixMilli()
	for i, e := range events {
		if !isText(e.Message) || !isText(e.Severity) {
			return nil, fmt.Errorf("%w: event %d has a NUL or is not UTF-8, which Postgres cannot hold", joblog.ErrInvalid, i+1)
		}
		messages[i], severities[i], times[i] = e.Message, e.Severity, e.Time
		if e.Severity == "" {
			severities[i] = "info"
		}
		if e.Time == 0 {
			times[i] = now
		}
	}
	rows, err := tx.Query(ctx, l.insert, job, messages, severities, times, unit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[int64])
}

// recall returns the ids that a key's batch was given, nil if the key is new;
// it is then taken. Another request with it waits meanwhile.
func recall(ctx context.Context, tx pgx.Tx, b joblog.Batch) (ids []int64, err error) {
	done, err := tx.Exec(ctx, `INSERT INTO caddyjobs_requests (key, job, digest, ids) VALUES ($1, $2, $3, '{}')
		ON CONFLICT (key) DO NOTHING`, b.Key, b.Job, b.Digest)
	if is(err, "42P01") {
		return nil, fmt.Errorf("%w: idempotency keys need a table that this database lacks; create it by: %s", joblog.ErrUnsupported, requestsTable)
	}
	if err != nil || done.RowsAffected() == 1 {
		return nil, err
	}
	var job, digest string
	if err := tx.QueryRow(ctx, `SELECT job, digest, ids FROM caddyjobs_requests WHERE key = $1`, b.Key).Scan(&job, &digest, &ids); err != nil {
		return nil, err
	}
	if job != b.Job || digest != b.Digest {
		return nil, joblog.ErrKeyReused
	}
	return ids, nil
}

// SetState stores a job's state.
func (s *Store) SetState(ctx context.Context, job, state string) error {
	err := s.change(ctx, false, func(ctx context.Context, tx pgx.Tx, l *layout) error {
		id, ok := canonical(l.jobsType, job)
		if !ok {
			return fmt.Errorf("%w %.80q", joblog.ErrUnknownJob, job)
		}
		if state == "" || !isText(state) {
			return fmt.Errorf("%w: a state is text in UTF-8, without NULs and not empty", joblog.ErrInvalid)
		}
		done, err := tx.Exec(ctx, l.setState, id, state)
		if err == nil && done.RowsAffected() == 0 {
			err = fmt.Errorf("%w %.80q", joblog.ErrUnknownJob, job)
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("setting a state: %w", err)
	}
	return nil
}

// refused says of errors by which the tables refuse a row that trying again is
// of no use.
func refused(err error) error {
	switch {
	case is(err, "22"), is(err, "23"):
		return fmt.Errorf("%w: the table takes no such row: %w", joblog.ErrInvalid, err)
	case is(err, "42501"):
		return fmt.Errorf("%w: the user of the dsn may not write there; GRANT INSERT on the events, UPDATE on the jobs: %w", joblog.ErrUnsupported, err)
	default:
		return err
	}
}
