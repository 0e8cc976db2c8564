package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Jobs looks up jobs in one query, which compares the owners, too.
func (s *Store) Jobs(ctx context.Context, asks []joblog.Ask) (jobs map[joblog.Ask]joblog.Job, err error) {
	err = s.lookUp(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		jobs = map[joblog.Ask]joblog.Job{}
		err := l.findJobs(ctx, pool, l.jobs, asks, jobs)
		if faulty(err) {
			return s.siftJobs(ctx, pool, l, asks, jobs)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("looking up jobs: %w", err)
	}
	return jobs, nil
}

// untranslatable is the code of errors about characters that the database's
// encoding lacks.
const untranslatable = "22P05"

// siftJobs is findJobs where that fails for one of the asks: others are not to pay
// for an id, or an owner, that no job can have, or for a job that cannot be read.
// One whose state alone cannot be read has none; where there are many of those, nor
// have the others that are left.
func (s *Store) siftJobs(ctx context.Context, pool *pgxpool.Pool, l *layout, asks []joblog.Ask, jobs map[joblog.Ask]joblog.Job) error {
	sift := sifter{statements: siftStatements}
	sift.try = func(from, to int) (int, error) { return to - from, l.findJobs(ctx, pool, l.jobs, asks[from:to], jobs) }
	sift.pass = func(at int, why error) error {
		if is(why, untranslatable) {
			return nil
		}
		s.unreadable(s.cfg.Jobs.Table, asks[at].ID, why)
		if err := l.findJobs(ctx, pool, l.stateless, asks[at:at+1], jobs); !faulty(err) {
			return err
		}
		return nil
	}
	done, err := sift.sift(len(asks))
	if err == nil && done < len(asks) {
		if err = l.findJobs(ctx, pool, l.stateless, asks[done:], jobs); faulty(err) {
			err = fmt.Errorf("%w: too many jobs cannot be read: %w", joblog.ErrUnserved, err)
		}
	}
	return err
}

// findJobs puts jobs into a map, by what they were asked for.
func (l *layout) findJobs(ctx context.Context, pool *pgxpool.Pool, statement string, asks []joblog.Ask, jobs map[joblog.Ask]joblog.Job) error {
	asked := map[joblog.Ask][]joblog.Ask{} // by how the database writes them
	for _, ask := range asks {
		if c, ok := l.canonicalAsk(ask); ok {
			asked[c] = append(asked[c], ask)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	list, ids, owners := columnsOf(asked)
	rows, err := pool.Query(ctx, statement, ids, owners)
	if err != nil {
		return err
	}
	var nth int
	var job joblog.Job
	var state *string
	_, err = pgx.ForEachRow(rows, []any{&nth, &job.ID, &state, &job.Owner, &job.Version}, func() error {
		if job.ID != list[nth-1].ID {
			return nil // the column takes two texts for one
		}
		job.State = ""
		if state != nil {
			job.State = word(*state)
		}
		job.Terminal = slices.Contains(l.terminal, job.State)
		for _, ask := range asked[list[nth-1]] {
			jobs[ask] = job
		}
		return nil
	})
	return err
}

// canonicalAsk is an ask with the id as the database writes it; ok is false if
// no job can be the answer.
func (l *layout) canonicalAsk(ask joblog.Ask) (c joblog.Ask, ok bool) {
	id, ok := canonical(l.jobsType, ask.ID)
	if ask.AnyOwner {
		return joblog.Ask{ID: id, AnyOwner: true}, ok
	}
	return joblog.Ask{ID: id, Owner: ask.Owner}, ok && ask.Owner != "" && isText(ask.Owner)
}

// columnsOf lists asks, and their ids and owners as columns. An owner is NULL
// where any is right.
func columnsOf(asked map[joblog.Ask][]joblog.Ask) (list []joblog.Ask, ids []string, owners []*string) {
	for ask := range asked {
		var owner *string
		if !ask.AnyOwner {
			owner = &ask.Owner
		}
		list, ids, owners = append(list, ask), append(ids, ask.ID), append(owners, owner)
	}
	return list, ids, owners
}

func keys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for key := range m {
		list = append(list, key)
	}
	return list
}

// missing is what upTo covers and after does not, as ranges of ids.
func missing(after, upTo joblog.Cursor) joblog.Ranges {
	lacking := after.Holes
	if after.N < upTo.N {
		lacking = append(lacking[:len(lacking):len(lacking)], joblog.Range{Lo: after.N + 1, Hi: upTo.N})
	}
	var wanted joblog.Ranges
	for _, r := range lacking {
		lo, hi := max(r.Lo, 1), min(r.Hi, upTo.N)
		for _, h := range upTo.Holes {
			if h.Hi < lo || h.Lo > hi {
				continue
			}
			if h.Lo > lo {
				wanted = append(wanted, joblog.Range{Lo: lo, Hi: h.Lo - 1})
			}
			lo = h.Hi + 1
		}
		if lo <= hi {
			wanted = append(wanted, joblog.Range{Lo: lo, Hi: hi})
		}
	}
	return wanted
}

func split(r joblog.Ranges) (lows, highs []int64) {
	lows, highs = make([]int64, len(r)), make([]int64, len(r))
	for i := range r {
		lows[i], highs[i] = r[i].Lo, r[i].Hi
	}
	return lows, highs
}

// Newest is the highest id ever given out, as far as the database tells. A
// standby, which may lag behind others, does not.
func (s *Store) Newest(ctx context.Context) (id int64, err error) {
	err = s.lookUp(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		return pool.QueryRow(ctx, l.newest).Scan(&id)
	})
	if err != nil {
		return 0, fmt.Errorf("reading the newest id: %w", err)
	}
	return id, nil
}
