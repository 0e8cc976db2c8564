package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Recent returns the newest rows of the jobs that have the newest ones.
func (s *Store) Recent(ctx context.Context, limit int) (events []joblog.Event, err error) {
	err = s.ask(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) (err error) {
		if events, err = l.readRecent(ctx, pool, limit); faulty(err) {
			events, err = s.siftRecent(ctx, pool, l, limit)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the recent jobs: %w", err)
	}
	return events, nil
}

func (l *layout) readRecent(ctx context.Context, pool *pgxpool.Pool, limit int) ([]joblog.Event, error) {
	rows, err := pool.Query(ctx, l.recent, limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, func(r pgx.CollectableRow) (e joblog.Event, err error) {
		var at pgtype.Int8
		err = r.Scan(&e.Job, &e.ID, &at)
		e.Time = l.clock.time(at.Int64)
		return e, err
	})
}
