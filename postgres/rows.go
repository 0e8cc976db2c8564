package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// siftRows reads the rows of some jobs that have certain ids, in the order of
// these: all that can be read, and what stands for others. It returns how many of
// the ids it went through; as many as fit a page and take few statements. Of rows
// whose job cannot be read either, nothing is known but that.
func (s *Store) siftRows(ctx context.Context, pool *pgxpool.Pool, l *layout, ids []int64, jobs []string) (events []joblog.Event, done int, err error) {
	size := 0
	sift := sifter{statements: siftStatements}
	sift.try = func(from, to int) (int, error) {
		some, did, err := l.readRows(ctx, pool, ids[from:to], jobs, joblog.PageBytes-size)
		if err != nil {
			return 0, err
		}
		for i := range some {
			size += some[i].Size()
		}
		events = append(events, some...)
		return did, nil
	}
	sift.pass = func(at int, why error) error {
		s.unreadable(s.cfg.Events.Table, ids[at], why)
		var job string
		err := pool.QueryRow(ctx, l.whose, ids[at], jobs).Scan(&job)
		if errors.Is(err, pgx.ErrNoRows) || faulty(err) {
			return nil
		}
		sift.statements--
		events = append(events, joblog.Event{ID: ids[at], Job: job, Message: placeholder(why), Severity: "error", Unreadable: true})
		return err
	}
	done, err = sift.sift(len(ids))
	return events, done, err
}

// readRows reads rows of some jobs, so many bytes of them, but not less than one,
// and returns how many ids it went through.
func (l *layout) readRows(ctx context.Context, pool *pgxpool.Pool, ids []int64, jobs []string, bytes int) (events []joblog.Event, done int, err error) {
	rows, err := pool.Query(ctx, l.rows, ids, jobs)
	if err != nil {
		return nil, 0, err
	}
	var nth int
	var job string
	var kept bool
	done = len(ids)
	e, columns := scanner()
	_, err = pgx.ForEachRow(rows, append([]any{&nth, &job, &e.ID, &kept}, columns...), func() error {
		event := l.event(e, job)
		if bytes -= event.Size(); !kept || bytes < 0 && len(events) > 0 {
			done, bytes = min(done, nth-1), -1
			return nil
		}
		if done == len(ids) {
			events = append(events, event)
		}
		return nil
	})
	return events, done, err
}
