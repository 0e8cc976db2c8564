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

const (
	tickRows    = 5000            // of each part of a tick
	filterJobs  = 1000            // watched jobs up to which the database filters rows by them
	probeHoles  = 5000            // holes looked at in a tick
	standbyWait = 5 * time.Second // a writer may have an id before it has a transaction's
	endWait     = 5 * time.Second // how long an end waits for holes of its time
)

// tail follows the table by id.
type tail struct {
	store   *Store
	n       int64 // every id up to it was seen, or is in holes
	holes   holes // ascending
	probe   int   // where the next look at too many holes begins
	started string
	newest  int64
	ending  map[string]end
	exact   bool // holes close by the locks alone
}

// end is a terminal state that waits for holes.
type end struct {
	n  int64 // holes up to it count
	at time.Time
}

// Tail starts to follow the table from its newest visible row. What writers
// have in progress below it is a hole.
func (s *Store) Tail(ctx context.Context) (joblog.Tail, error) {
	t := &tail{store: s, ending: map[string]end{}}
	err := s.use(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error { return t.start(ctx, pool, l) })
	if err != nil {
		return nil, fmt.Errorf("starting to follow the table: %w", err)
	}
	return t, nil
}

// How a tail starts beside writers: it waits for them a little, then takes all
// ids that are missing, so far back, for holes of theirs.
const (
	startWait  = 250 * time.Millisecond
	startCheck = 5 * time.Millisecond
	startBack  = 100_000
)

func (t *tail) start(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
	batch := new(pgx.Batch)
	batch.Queue(l.highest).QueryRow(func(r pgx.Row) error { return r.Scan(&t.n) })
	k := l.queueLocks(batch)
	if err := pool.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	t.note(k)
	now := time.Now()
	early := see(k, now)
	for wait := 0 * startCheck; len(early.writers) > 0 && wait < startWait; wait += startCheck {
		select {
		case <-time.After(startCheck):
		case <-ctx.Done():
			return ctx.Err()
		}
		batch := new(pgx.Batch)
		k := l.queueLocks(batch)
		if err := pool.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		early.outlived(k)
	}
	if len(early.writers) == 0 && l.settle == 0 && !k.standby {
		return nil // all ids up to n are settled
	}
	batch = new(pgx.Batch)
	batch.Queue(l.gaps, max(0, t.n-startBack), t.n).Query(func(rows pgx.Rows) error {
		var r joblog.Range
		_, err := pgx.ForEachRow(rows, []any{&r.Lo, &r.Hi}, func() error {
			t.holes = append(t.holes, hole{r, early})
			return nil
		})
		return err
	})
	k = l.queueLocks(batch)
	if err := pool.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	early.outlived(k)
	return nil
}

// queueLocks asks for the lock holders, after what is in the batch.
func (l *layout) queueLocks(batch *pgx.Batch) *locks {
	k := new(locks)
	batch.Queue(l.locks, l.relations).QueryRow(func(r pgx.Row) error {
		return r.Scan(&k.started, &k.standby, &k.newest, &k.xmin, &k.xmax, &k.writers)
	})
	return k
}

// Position is where the tail stands.
func (t *tail) Position() joblog.Cursor {
	if len(t.holes) == 0 {
		return joblog.Cursor{N: t.n}
	}
	return joblog.Cursor{N: t.n, Holes: t.holes.ranges()}
}

// found is what the statements of a tick found.
type found struct {
	events    []joblog.Event
	fills     []int64       // ids of holes that are visible, ascending
	gaps      joblog.Ranges // ids above n that were passed over
	n         int64         // how far rows go
	states    map[string]string
	cut, full bool // a bound ended it; among the fills
	locks     *locks
}

// Next makes one tick: rows and states in one snapshot, then the lock holders.
func (t *tail) Next(ctx context.Context, w joblog.Watch) (tick joblog.Tick, err error) {
	err = t.store.use(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		probed := t.window()
		f, err := t.read(ctx, pool, l, w, probed)
		if err != nil {
			return err
		}
		if err := t.check(ctx, pool, l, f.locks); err != nil {
			return err
		}
		tick = t.apply(l, f, probed, w.Ask)
		return nil
	})
	if err != nil {
		return joblog.Tick{}, fmt.Errorf("following the table: %w", err)
	}
	return tick, nil
}

// window is which holes this tick looks at: all, unless there are too many.
func (t *tail) window() holes {
	if len(t.holes) <= probeHoles {
		return t.holes
	}
	t.probe %= len(t.holes)
	w := t.holes[t.probe:min(len(t.holes), t.probe+probeHoles)]
	t.probe += len(w)
	return w
}

func (t *tail) read(ctx context.Context, pool *pgxpool.Pool, l *layout, w joblog.Watch, probed holes) (*found, error) {
	f := &found{states: map[string]string{}}
	kind := tailKind{filter: len(w.Jobs) <= filterJobs, holes: len(probed) > 0}
	watched := []string{}
	if kind.filter {
		watched = l.canonicals(l.jobType, keys(w.Jobs))
	}
	args := []any{t.n, tickRows, watched, l.canonicals(l.jobsType, w.Ask), l.terminal}
	if kind.holes {
		lows, highs := split(probed.ranges())
		args = append(args, lows, highs)
	}
	if !kind.filter {
		args[2] = []string(nil)
	}
	batch := new(pgx.Batch)
	batch.Queue(l.tail[kind], args...).Query(func(rows pgx.Rows) error { return f.scan(rows, l, w.Jobs) })
	f.locks = l.queueLocks(batch)
	return f, pool.SendBatch(ctx, batch).Close()
}

func (l *layout) canonicals(typ string, ids []string) []string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if c, ok := canonical(typ, id); ok {
			out = append(out, c)
		}
	}
	return out
}

func (f *found) scan(rows pgx.Rows, l *layout, jobs map[string]struct{}) error {
	var kind string
	var fill, watched bool
	var job *string
	var cut, fills, news, prev int64
	e, columns := l.scanner()
	to := append([]any{&kind, &e.ID, &fill, &watched, &job}, append(columns, &prev, &cut, &fills, &news)...)
	_, err := pgx.ForEachRow(rows, to, func() error {
		switch kind {
		case "state":
			f.states[*job] = *e.message
			return nil
		case "sum":
			f.n = e.ID
			f.full = fills == tickRows || cut > 0 && fills > 0
			f.cut = f.full || cut > 0 || news == tickRows
			return nil
		}
		if fill {
			f.fills = append(f.fills, e.ID)
		} else if e.ID > prev+1 {
			f.gaps = append(f.gaps, joblog.Range{Lo: prev + 1, Hi: e.ID - 1})
		}
		if watched && job != nil {
			if _, ok := jobs[*job]; ok {
				f.events = append(f.events, e.event(*job, l.max))
			}
		}
		return nil
	})
	return err
}

// check reports whether the database is still the one that was followed, as
// far as it was. It may return joblog.ErrRewound.
func (t *tail) check(ctx context.Context, pool *pgxpool.Pool, l *layout, k *locks) error {
	if k.newest != nil && *k.newest < t.newest {
		return fmt.Errorf("%w: the sequence is at %d, it was at %d", joblog.ErrRewound, *k.newest, t.newest)
	}
	if k.started == t.started {
		t.note(k)
		return nil
	}
	var highest int64
	if err := pool.QueryRow(ctx, l.newest).Scan(&highest); err != nil {
		return err
	}
	if highest < t.n {
		return fmt.Errorf("%w: the highest id is %d, it was %d", joblog.ErrRewound, highest, t.n)
	}
	// The server was started again, or it is another one: of the transactions
	// before, only prepared ones live on, by another name.
	after := see(k, time.Now())
	for i := range t.holes {
		t.holes[i].sight = after
	}
	t.note(k)
	return nil
}

func (t *tail) note(k *locks) {
	t.started = k.started
	if k.newest != nil {
		t.newest = *k.newest
	}
}

// apply takes over what a tick found.
func (t *tail) apply(l *layout, f *found, probed holes, asked []string) joblog.Tick {
	now := time.Now()
	t.exact = l.settle == 0 && !f.locks.standby
	t.bury(l, f, probed, now)
	for s := range t.holes.sights() {
		s.outlived(f.locks)
	}
	fresh := see(f.locks, now)
	for _, gap := range f.gaps {
		t.holes = append(t.holes, hole{gap, fresh})
	}
	t.n = max(t.n, f.n)
	tick := joblog.Tick{Events: f.events, Position: t.Position(), More: f.cut}
	slices.SortFunc(tick.Events, func(a, b joblog.Event) int { return int(min(max(a.ID-b.ID, -1), 1)) })
	if !f.cut {
		t.end(&tick, asked, f.states, now)
	}
	return tick
}

// bury takes out of the holes what became visible, and those holes that this
// tick did not find filled though nobody was left before it to fill them.
func (t *tail) bury(l *layout, f *found, probed holes, now time.Time) {
	if len(probed) == 0 {
		return
	}
	limit := probed[len(probed)-1].Hi
	if f.full {
		limit = 0 // what comes after the last fill was not looked at
		if len(f.fills) > 0 {
			limit = f.fills[len(f.fills)-1]
		}
	}
	first := probed[0].Lo
	t.holes = slices.DeleteFunc(t.holes.without(f.fills), func(h hole) bool {
		return h.Lo >= first && h.Hi <= limit && h.over(l, f.locks, now)
	})
}

// over reports whether nobody was left, before the tick, who could fill a hole.
func (h *hole) over(l *layout, k *locks, now time.Time) bool {
	age := now.Sub(h.at)
	if k.standby {
		return k.xmin >= h.xmax && age >= max(l.settle, standbyWait)
	}
	return len(h.writers) == 0 && age >= l.settle
}

// end reports the jobs that have ended, once no row can come that was written
// before their end. Who writes for longer is not waited for.
func (t *tail) end(tick *joblog.Tick, asked []string, states map[string]string, now time.Time) {
	tick.Ended = map[string]string{}
	for _, job := range asked {
		if _, ended := states[job]; !ended {
			delete(t.ending, job) // it goes on
		}
	}
	for job, state := range states {
		e, known := t.ending[job]
		if !known {
			e = end{n: t.n, at: now}
			t.ending[job] = e
		}
		open, soon := t.open(e.n)
		if open && now.Sub(e.at) < endWait {
			tick.More = tick.More || soon
			continue
		}
		tick.Ended[job] = state
		delete(t.ending, job)
	}
	for job, e := range t.ending {
		if now.Sub(e.at) > 10*endWait {
			delete(t.ending, job) // nobody asks for it any more
		}
	}
}

// open reports whether there are holes up to n, and whether the next tick will
// close them.
func (t *tail) open(n int64) (open, soon bool) {
	soon = true
	for i := range t.holes {
		if t.holes[i].Lo <= n {
			open = true
			soon = soon && len(t.holes[i].writers) == 0 && t.exact
		}
	}
	return open, open && soon
}
