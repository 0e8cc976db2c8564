package postgres

import (
	"cmp"
	"slices"
	"time"
)

// A row in a hole becomes visible when a transaction ends that was under way
// at the hole's sight. So a hole needs a look only after one of them has ended:
// a transaction that stays open for hours costs nothing. Young holes are
// looked at all the same, which spares most late rows a tick.

const (
	probeHoles = 5000        // holes looked at in a tick
	youngHole  = time.Second // how long a hole is looked at in each tick
)

// probe is the indexes of the holes that the next tick looks at, ascending:
// of those that need it the ones that have waited longest.
func (t *tail) probe() []int {
	var some []int
	for i := range t.holes {
		if h := &t.holes[i]; !t.exact || h.pressing() || t.young(h) {
			some = append(some, i)
		}
	}
	if len(some) > probeHoles {
		slices.SortStableFunc(some, func(a, b int) int { return cmp.Compare(t.holes[a].looked, t.holes[b].looked) })
		some = some[:probeHoles]
		slices.Sort(some)
	}
	return some
}

func (t *tail) young(h *hole) bool { return t.clock.Sub(h.at) < youngHole }

// pressed reports whether holes are to be looked at without delay. Young ones
// that this tick has looked at can wait: there are always some while rows are
// written.
func (t *tail) pressed() bool {
	for i := range t.holes {
		if h := &t.holes[i]; t.exact && !h.unborn && h.pressing() && (!t.young(h) || h.looked < t.ticks) {
			return true
		}
	}
	return false
}

// bury takes out of the holes what a tick found visible, and those it looked
// for in vain after their sights were over.
func (t *tail) bury(f *found, probed []int) {
	limit := int64(-1) // ids up to it were looked for
	switch {
	case len(probed) == 0:
		return
	case !f.full:
		limit = t.holes[probed[len(probed)-1]].Hi
	case len(f.fills) > 0:
		limit = f.fills[len(f.fills)-1]
	}
	for _, i := range probed {
		if t.holes[i].Hi <= limit {
			t.holes[i].looked = t.ticks
		}
	}
	t.shed()
	t.holes = slices.DeleteFunc(t.holes.without(f.fills), func(h hole) bool { return h.over && !h.unborn && h.looked == t.ticks })
}
