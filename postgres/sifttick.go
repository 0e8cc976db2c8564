package postgres

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// sickFor is how long the state of a job is not asked for that could not be read:
// each tick would fail for it.
const sickFor = time.Minute

// sift makes a tick of which a row, or a state, cannot be read. The states come
// first, then the ids of all rows in one snapshot, with the lock holders after
// them; so what is proved of the ids holds. What is in the rows is then read by
// these, as far as it goes.
func (t *tail) sift(ctx context.Context, pool *pgxpool.Pool, l *layout, w joblog.Watch, probed []int) (*found, error) {
	f := &found{states: map[string]string{}, places: places{}}
	clear(t.places)
	t.moved = false
	if err := t.siftStates(ctx, pool, l, w, f); err != nil {
		return nil, err
	}
	news, err := t.bare(ctx, pool, l, probed, f)
	if err != nil {
		return nil, err
	}
	ids := slices.Concat(f.fills, news)
	events, done, err := t.store.siftRows(ctx, pool, l, ids, l.canonicals(l.jobType, keys(w.Jobs)))
	if err != nil {
		return nil, err
	}
	for _, e := range events {
		if _, ok := w.Jobs[e.Job]; ok {
			f.events = append(f.events, e)
		}
	}
	f.cut = f.cut || done < len(ids)
	if done < len(f.fills) {
		f.fills, f.full = f.fills[:done], true
	}
	f.pass(t.n, news[:max(0, done-len(f.fills))])
	return f, nil
}

// pass notes how far rows with some ids go above n, and what they pass over.
func (f *found) pass(n int64, ids []int64) {
	for _, id := range ids {
		if id > n+1 {
			f.gaps = append(f.gaps, joblog.Range{Lo: n + 1, Hi: id - 1})
		}
		n = id
	}
	f.n = n
}

// siftStates finds the jobs that have ended. Those whose state cannot be read are
// not asked for again, for a while.
func (t *tail) siftStates(ctx context.Context, pool *pgxpool.Pool, l *layout, w joblog.Watch, f *found) error {
	jobs := l.canonicals(l.jobsType, t.readable(t.ends.asked(w)))
	sift := sifter{statements: siftStatements}
	sift.try = func(from, to int) (int, error) {
		rows, err := pool.Query(ctx, l.states, jobs[from:to], l.terminal)
		if err != nil {
			return 0, err
		}
		ended := map[string]string{}
		var job, state string
		_, err = pgx.ForEachRow(rows, []any{&job, &state}, func() error {
			ended[job] = word(state)
			return nil
		})
		if err == nil {
			for job, state := range ended {
				f.states[job] = state
			}
		}
		return to - from, err
	}
	sift.pass = func(at int, why error) error {
		t.store.unreadable(t.store.cfg.Jobs.Table, jobs[at], why)
		if t.sick == nil {
			t.sick = map[string]time.Time{}
		}
		t.sick[jobs[at]] = time.Now()
		return nil
	}
	done, err := sift.sift(len(jobs))
	f.cut = done < len(jobs)
	return err
}

// readable are those of the jobs whose states could be read when that was tried.
func (t *tail) readable(jobs []string) []string {
	if len(t.sick) == 0 {
		return jobs
	}
	for job, at := range t.sick {
		if time.Since(at) >= sickFor {
			delete(t.sick, job)
		}
	}
	return slices.DeleteFunc(slices.Clone(jobs), func(job string) bool { _, sick := t.sick[job]; return sick })
}

// bare finds the ids of the rows that fill holes and of those above the highest
// one seen, which it returns, and then the lock holders.
func (t *tail) bare(ctx context.Context, pool *pgxpool.Pool, l *layout, probed []int, f *found) (news []int64, err error) {
	above := t.n
	if t.stalled {
		above = math.MaxInt64
	}
	lows, highs := split(t.holes.pick(probed))
	batch := new(pgx.Batch)
	batch.Queue(l.bare, above, tickRows, lows, highs).Query(func(rows pgx.Rows) error {
		var fill bool
		var id int64
		_, err := pgx.ForEachRow(rows, []any{&fill, &id}, func() error {
			if fill {
				f.fills = append(f.fills, id)
			} else {
				news = append(news, id)
			}
			return nil
		})
		return err
	})
	f.locks = l.queueLocks(batch)
	err = pool.SendBatch(ctx, batch).Close()
	f.full = len(f.fills) == tickRows
	f.cut = f.cut || f.full || len(news) == tickRows || t.stalled
	return news, err
}
