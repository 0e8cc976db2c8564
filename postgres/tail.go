package postgres

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// maxHoles bounds the holes. Rows above that many wait in the database.
const maxHoles = 100_000

// tail follows the table by id.
type tail struct {
	store     *Store
	n         int64 // every id up to it was seen, or is in holes
	holes     holes
	position  joblog.Cursor // n and holes
	ends      ends
	places    places
	moved     bool                 // the last tick did not find all rows of jobs where they were
	unsettled *unsettled           // nil if all is known of the rows before the tail began
	ticks     int64                // number of the tick under way
	stalled   bool                 // there are too many holes to go on
	sick      map[string]time.Time // when the states of jobs could not be read

	// as of the last tick
	identity identity
	clock    time.Time
	exact    bool // holes close by the locks alone
	blocks   blocks
}

// Tail starts to follow the table from its newest visible row. What writers
// have in progress below it is a hole.
func (s *Store) Tail(ctx context.Context) (joblog.Tail, error) {
	var t *tail
	err := s.use(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		t = &tail{store: s, ends: ends{}, places: places{}, ticks: 1}
		return t.start(ctx, pool, l)
	})
	if err != nil {
		return nil, fmt.Errorf("starting to follow the table: %w", err)
	}
	t.stand(true)
	return t, nil
}

// Position is where the tail stands.
func (t *tail) Position() joblog.Cursor { return t.position }

// stand works out the position. Others may have the last one, which is not
// changed under them.
func (t *tail) stand(holes bool) {
	t.position.N = t.n
	if holes {
		t.position.Holes = t.holes.ranges()
	}
}

// Next makes one tick: rows and states in one snapshot, then the lock holders.
func (t *tail) Next(ctx context.Context, w joblog.Watch) (tick joblog.Tick, err error) {
	err = t.store.use(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		if err := t.settle(ctx, pool, l, w.Jobs); err != nil {
			return err
		}
		probed := t.probe()
		f, err := t.read(ctx, pool, l, w, probed)
		if err != nil {
			return err
		}
		if err := t.compare(ctx, pool, l, f.locks); err != nil {
			return err
		}
		tick = t.apply(l, f, probed)
		return nil
	})
	if err != nil {
		return joblog.Tick{}, fmt.Errorf("following the table: %w", err)
	}
	return tick, nil
}

// compare returns joblog.ErrRewound if the database went back, or is about to give
// out ids below the rows that were seen. The layout tells what is to be done.
func (t *tail) compare(ctx context.Context, pool *pgxpool.Pool, l *layout, k *locks) error {
	err := t.identity.compare(ctx, pool, l, k)
	if err == nil && l.counted && !k.standby && *k.newest < t.n {
		err = fmt.Errorf("%w: the sequence is behind the row %d, so rows may come before it", joblog.ErrRewound, t.n)
	}
	if errors.Is(err, joblog.ErrRewound) {
		l.doubt.Store(true)
	}
	return err
}

// note remembers what the next tick compares with.
func (t *tail) note(l *layout, k *locks, marks []mark) {
	t.identity.note(k, marks)
	t.clock, t.exact = k.clock(), l.settle == 0 && !k.blind
	if t.blocks.change(l.cache, k.newest) {
		l.doubt.Store(true) // the sequence may have another cache by now
	}
}

// apply takes over what a tick found. The order is the proof: what it read
// counts with what was known of the writers before, and only then come the
// lock holders.
func (t *tail) apply(l *layout, f *found, probed []int) joblog.Tick {
	restarted := t.identity.restarted(f.locks)
	t.note(l, f.locks, f.marks)
	before := len(t.holes)
	t.bury(f, probed)
	t.pass(l, f)
	t.bear(l, f.locks)
	tick := joblog.Tick{Events: f.events}
	if !f.cut {
		tick.Ended, tick.Ending = t.check(f)
	}
	if restarted {
		t.restart(f.locks)
		l.doubt.Store(true) // what was granted or altered meanwhile counts from now on
	}
	t.update(f.locks)
	t.stand(len(f.fills)+len(f.gaps) > 0 || len(t.holes) != before)
	tick.Position, tick.More = t.position, f.cut && !t.stalled || t.moved || t.pressed() || t.ending()
	slices.SortFunc(tick.Events, func(a, b joblog.Event) int { return cmp.Compare(a.ID, b.ID) })
	t.ticks++
	t.stall()
	return tick
}

// pass goes on to the last row that was found.
func (t *tail) pass(l *layout, f *found) {
	t.n = max(t.n, f.n)
	if len(f.gaps) == 0 {
		return
	}
	now := see(f.locks, l.grace(), t.ticks)
	for _, gap := range f.gaps {
		t.holes = append(t.holes, hole{gap, now, t.ticks, t.blocks.size > 0})
	}
}

// sights are those that the tail goes by.
func (t *tail) sights() []*sight {
	list := t.holes.sights()
	for _, e := range t.ends {
		list = append(list, e.sight)
	}
	if t.unsettled != nil {
		list = append(list, t.unsettled.sight)
	}
	return list
}

// update tells all sights of the lock holders.
func (t *tail) update(k *locks) {
	for _, s := range t.sights() {
		s.update(k, t.ticks)
	}
}

// restart forgets who was under way. Of the transactions of a server that was
// started again, or that another one has taken over from, only prepared ones
// live on, by other names.
func (t *tail) restart(k *locks) {
	for _, s := range t.sights() {
		*s = *see(k, s.grace, t.ticks)
	}
}

// stall keeps the holes from growing without bound.
func (t *tail) stall() {
	stalled := len(t.holes) >= maxHoles
	if stalled && !t.stalled {
		t.store.log.Warn("a transaction that writes events is open beside very many others; new rows wait until it ends", "ids", len(t.holes))
	}
	t.stalled = stalled
}
