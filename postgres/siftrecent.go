package postgres

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// siftRecent finds the recent jobs where a row cannot be read: it counts for no
// job, or has no time.
func (s *Store) siftRecent(ctx context.Context, pool *pgxpool.Pool, l *layout, limit int) ([]joblog.Event, error) {
	rows, err := pool.Query(ctx, l.within[true], 1, int64(math.MaxInt64), joblog.RecentRows)
	if err != nil {
		return nil, err
	}
	ids, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return nil, err
	}
	newest := map[string]int64{}
	err = s.siftIDs(ctx, pool, l.newestOf, ids, func(rows pgx.Rows) error {
		var job pgtype.Text
		var id int64
		_, err := pgx.ForEachRow(rows, []any{&job, &id}, func() error {
			newest[job.String] = max(newest[job.String], id)
			return nil
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return s.dated(ctx, pool, l, newest, limit)
}

// dated are the newest rows of jobs, newest first, with their times.
func (s *Store) dated(ctx context.Context, pool *pgxpool.Pool, l *layout, newest map[string]int64, limit int) ([]joblog.Event, error) {
	events, ids := make([]joblog.Event, 0, len(newest)), []int64{}
	for job, id := range newest {
		events = append(events, joblog.Event{ID: id, Job: job})
	}
	slices.SortFunc(events, func(a, b joblog.Event) int { return cmp.Compare(b.ID, a.ID) })
	events = events[:min(len(events), limit)]
	for _, e := range events {
		ids = append(ids, e.ID)
	}
	times := map[int64]int64{}
	err := s.siftIDs(ctx, pool, l.timesOf, ids, func(rows pgx.Rows) error {
		var id int64
		var at pgtype.Int8
		_, err := pgx.ForEachRow(rows, []any{&id, &at}, func() error {
			times[id] = l.clock.time(at.Int64)
			return nil
		})
		return err
	})
	for i := range events {
		events[i].Time = times[events[i].ID]
	}
	return events, err
}

// siftIDs scans what a statement finds of rows by their ids, but for those that
// cannot be read.
func (s *Store) siftIDs(ctx context.Context, pool *pgxpool.Pool, statement string, ids []int64, scan func(pgx.Rows) error) error {
	sift := sifter{statements: siftStatements}
	sift.try = func(from, to int) (int, error) {
		rows, err := pool.Query(ctx, statement, ids[from:to])
		if err != nil {
			return 0, err
		}
		return to - from, scan(rows)
	}
	sift.pass = func(at int, why error) error {
		s.unreadable(s.cfg.Events.Table, ids[at], why)
		return nil
	}
	_, err := sift.sift(len(ids))
	return err
}
