package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Find looks for rows by one statement. It reads no messages: one that cannot be
// decoded would hide all the others. Those who look up jobs wait for it, so it takes
// a turn of theirs.
func (s *Store) Find(ctx context.Context, rows []joblog.Row) (found map[joblog.Row]joblog.Event, err error) {
	err = s.lookUp(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) (err error) {
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
	found := map[joblog.Row]joblog.Event{}
	sift := sifter{statements: siftStatements}
	sift.try = func(from, to int) (int, error) {
		return to - from, l.findSome(ctx, pool, asked[from:to], jobs[from:to], ids[from:to], found)
	}
	sift.pass = func(at int, _ error) error { // it is there
		found[asked[at]] = joblog.Event{ID: ids[at], Job: asked[at].Job, Truncated: true, Unreadable: true}
		return nil
	}
	done, err := sift.sift(len(asked))
	for at := done; at < len(asked) && err == nil; at++ {
		err = sift.pass(at, nil) // nobody knows better
	}
	return found, err
}

func (l *layout) findSome(ctx context.Context, pool *pgxpool.Pool, asked []joblog.Row, jobs []string, ids []int64, found map[joblog.Row]joblog.Event) error {
	result, err := pool.Query(ctx, l.find, jobs, ids)
	if err != nil {
		return err
	}
	var nth int
	e, columns := scanner()
	_, err = pgx.ForEachRow(result, append([]any{&nth, &e.ID}, columns...), func() error {
		r := asked[nth-1]
		found[r] = l.event(e, r.Job)
		return nil
	})
	return err
}

var _ joblog.Finder = (*Store)(nil)
