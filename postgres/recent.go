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
	err = s.ask(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		rows, err := pool.Query(ctx, l.recent, limit)
		if err != nil {
			return err
		}
		events = nil
		var e joblog.Event
		var at pgtype.Int8
		_, err = pgx.ForEachRow(rows, []any{&e.Job, &e.ID, &at}, func() error {
			e.Time = at.Int64
			events = append(events, e)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the recent jobs: %w", err)
	}
	return events, nil
}
