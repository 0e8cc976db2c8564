package postgres

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// How a tail starts beside writers: it waits for them a little, then takes ids
// that are missing for holes of theirs. It looks back so far; and not beyond
// rows of transactions that are older than theirs by so much and had ended before
// they began. Should it be wrong, unsettled notices.
const (
	startWait  = 250 * time.Millisecond
	startCheck = 5 * time.Millisecond
	startBack  = 100_000
	startOlder = 1000 // transactions
	countTime  = time.Second
)

func (t *tail) start(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
	var ids []int64
	k, err := l.look(ctx, pool, func(b *pgx.Batch) {
		b.Queue(l.last).Query(func(rows pgx.Rows) (err error) {
			ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
	})
	if err != nil {
		return err
	}
	slices.Reverse(ids)
	if len(ids) > 0 {
		t.n = ids[len(ids)-1]
	}
	marks, err := l.markRows(ctx, pool, ids, ids)
	if err != nil {
		return err
	}
	if err := k.askStats(ctx, pool); err != nil {
		return err
	}
	t.identity.table = l.table
	t.note(l, k, marks)
	early := see(k, l.grace(), 0)
	if err := t.await(ctx, pool, l, early); err != nil || early.over && t.exact {
		return err // all ids up to n are settled
	}
	base := max(0, t.n-startBack)
	if t.exact && l.fence != "" {
		if err := pool.QueryRow(ctx, l.fence, base, t.n, keys(early.writers)).Scan(&base); err != nil {
			return err
		}
	}
	if base > 0 && t.exact {
		t.unsettled = &unsettled{sight: early, base: base, counts: map[string]int64{}}
	}
	k, err = l.look(ctx, pool, func(b *pgx.Batch) {
		b.Queue(l.gaps, base, t.n).Query(func(rows pgx.Rows) error { return t.dig(rows, early) })
	})
	if err == nil {
		early.update(k, 0)
	}
	return err
}

// await waits for the writers of a sight, but not for long.
func (t *tail) await(ctx context.Context, pool *pgxpool.Pool, l *layout, early *sight) error {
	for wait := 0 * startCheck; len(early.writers) > 0 && wait < startWait; wait += startCheck {
		select {
		case <-time.After(startCheck):
		case <-ctx.Done():
			return ctx.Err()
		}
		k, err := l.look(ctx, pool, func(*pgx.Batch) {})
		if err != nil {
			return err
		}
		early.update(k, 0)
	}
	return nil
}

// look makes some queries, and then looks at the locks.
func (l *layout) look(ctx context.Context, pool *pgxpool.Pool, first func(*pgx.Batch)) (*locks, error) {
	batch := new(pgx.Batch)
	first(batch)
	k := l.queueLocks(batch)
	return k, pool.SendBatch(ctx, batch).Close()
}

func (t *tail) dig(rows pgx.Rows, early *sight) error {
	var r joblog.Range
	_, err := pgx.ForEachRow(rows, []any{&r.Lo, &r.Hi}, func() error {
		t.holes = append(t.holes, hole{r, early, 0, t.blocks.size > 0})
		return nil
	})
	return err
}

// unsettled is what a tail does not know that began beside writers who may
// have rows further back than it has looked for holes: whether there will be
// rows up to base that viewers who came meanwhile were not shown.
type unsettled struct {
	*sight
	base   int64
	counts map[string]int64 // rows of watched jobs up to base when a tick first knew of them
}

// settle counts the old rows of jobs that are newly watched and, once the
// writers are gone, of all. If there are more than were shown, or nobody can
// tell in time, it returns joblog.ErrRewound: viewers get to know, and see the
// whole log.
func (t *tail) settle(ctx context.Context, pool *pgxpool.Pool, l *layout, jobs map[string]struct{}) error {
	u := t.unsettled
	if u == nil {
		return nil
	}
	var known, fresh []string
	for job := range jobs {
		if _, ok := u.counts[job]; ok {
			known = append(known, job)
		} else {
			fresh = append(fresh, job)
		}
	}
	if !u.over {
		return u.count(ctx, pool, l, fresh)
	}
	before := u.counts
	u.counts = map[string]int64{}
	if err := u.count(ctx, pool, l, known); err != nil {
		u.counts = before
		return err
	}
	for _, job := range known {
		if before[job] == uncounted || u.counts[job] == uncounted || u.counts[job] > before[job] {
			return fmt.Errorf("%w: a transaction that was open before anybody watched may have written rows far behind the newest ones", joblog.ErrRewound)
		}
	}
	t.unsettled = nil
	return nil
}

// uncounted is the count of rows that could not be counted in time.
const uncounted = -1

// count counts the old rows of jobs. It takes no longer than countTime: a table
// without an index must not keep the ticks of all from ending.
func (u *unsettled) count(ctx context.Context, pool *pgxpool.Pool, l *layout, jobs []string) error {
	if len(jobs) == 0 {
		return nil
	}
	counts := map[string]int64{}
	err := briefly(ctx, pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, l.count, l.canonicals(l.jobType, jobs), u.base)
		if err != nil {
			return err
		}
		var job string
		var count int64
		_, err = pgx.ForEachRow(rows, []any{&job, &count}, func() error {
			counts[job] = count
			return nil
		})
		return err
	})
	late := is(err, "57014") || faulty(err) // or nobody can tell whose they are
	if err != nil && !late {
		return fmt.Errorf("counting old rows: %w", err)
	}
	for _, job := range jobs {
		u.counts[job] = counts[job]
		if late {
			u.counts[job] = uncounted
		}
	}
	return nil
}

// briefly makes queries in a transaction, which take no longer than countTime.
func briefly(ctx context.Context, pool *pgxpool.Pool, do func(pgx.Tx) error) error {
	return pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, fmt.Sprint(countTime.Milliseconds())); err != nil {
			return err
		}
		return do(tx)
	})
}
