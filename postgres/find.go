package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Find looks for rows by one statement. It reads no messages: one that cannot be
// decoded would hide all the others.
func (s *Store) Find(ctx context.Context, rows []joblog.Row) (found map[joblog.Row]joblog.Event, err error) {
	err = s.ask(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) (err error) {
		found, err = l.findRows(ctx, pool, rows)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("finding rows again: %w", err)
	}
	return found, nil
}

func (l *layout) findRows(ctx context.Context, pool *pgxpool.Pool, rows []joblog.Row) (map[joblog.Row]joblog.Event, error) {
	var asked []joblog.Row
	var jobs []string
	var ids []int64
	for _, r := range rows {
		if job, ok := canonical(l.jobType, r.Job); ok {
			asked, jobs, ids = append(asked, r), append(jobs, job), append(ids, r.ID)
		}
	}
	result, err := pool.Query(ctx, l.find, jobs, ids)
	if err != nil {
		return nil, err
	}
	found := map[joblog.Row]joblog.Event{}
	var nth int
	e, scan := l.scanner()
	_, err = pgx.ForEachRow(result, append([]any{&nth, &e.ID}, scan...), func() error {
		r := asked[nth-1]
		found[r] = e.event(r.Job, l.max)
		return nil
	})
	return found, err
}

var _ joblog.Finder = (*Store)(nil)
