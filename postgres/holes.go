package postgres

import (
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// blindWait is how soon a writer that has an event's id has a transaction's.
const blindWait = 5 * time.Second

// locks is what the server says of itself and of its lock table after a read.
type locks struct {
	server  string     // tells a server from another one, and from itself started again or promoted
	backend int32      // the process that answers
	table   *uint32    // what the events' name now stands for
	storage string     // the table's relations and their files, which are others once it is emptied or rewritten
	stats   string     // when statistics began, if that was asked for
	standby bool       // it replays a primary's changes
	blind   bool       // nobody tells who holds locks: a standby, or not allowed
	now     *time.Time // the clock of the writers; on a standby, how far it is replayed
	newest  *int64     // the sequence's last id; if it may not be read, the highest that is visible
	xmin    int64
	xmax    int64
	writers []string // transactions that hold the lock of a writer on the table
}

// clock is the writers' clock.
func (k *locks) clock() time.Time {
	if k.now == nil {
		return time.Time{} // a standby that has replayed nothing yet
	}
	return *k.now
}

// sight is a moment at which transactions were under way, and what has become
// of them since. It is over when none of them is left: what they wrote is then
// visible to every later read, or to none.
type sight struct {
	grace
	at      time.Time
	writers map[string]struct{} // those that are left
	xmax    int64               // where nobody tells of writers: what xmin has to reach; 0 until known
	over    bool
	due     int64 // the last tick that found one of the writers gone
}

// grace is how long a sight is not over, whoever is gone: for writers that had
// an id, but no lock yet or, where nobody tells of locks, no transaction's id.
type grace struct{ settle, blind time.Duration }

// grace is that of holes.
func (l *layout) grace() grace { return grace{l.settle, max(l.settle, blindWait)} }

// born is that of ids which no session keeps.
func (l *layout) born() grace { return grace{l.patience, max(l.patience, blindWait)} }

// see is the sight of a tick after whose read k was found.
func see(k *locks, g grace, tick int64) *sight {
	s := &sight{grace: g, writers: map[string]struct{}{}, at: k.clock(), due: tick}
	for _, w := range k.writers {
		s.writers[w] = struct{}{}
	}
	s.update(k, tick)
	return s
}

// update takes over what a later tick found of locks.
func (s *sight) update(k *locks, tick int64) {
	age := k.clock().Sub(s.at)
	if k.blind {
		s.updateBlind(k, age)
		return
	}
	left := map[string]struct{}{}
	for _, w := range k.writers {
		if _, ok := s.writers[w]; ok {
			left[w] = struct{}{}
		}
	}
	if len(left) < len(s.writers) {
		s.writers, s.due = left, tick
	}
	s.over = len(left) == 0 && age >= s.settle
}

// updateBlind goes by the ids of transactions: those count that are under way
// at the end of the grace.
func (s *sight) updateBlind(k *locks, age time.Duration) {
	switch {
	case age < s.blind:
	case s.xmax == 0:
		s.xmax = k.xmax
	case k.xmin >= s.xmax:
		s.over = true
	}
}

// hole is ids that were passed over, and were not visible, at a sight. Once
// that is over, one more read that does not find them closes it.
type hole struct {
	joblog.Range
	*sight
	looked int64 // the last tick that looked for them
	unborn bool  // a session may keep them, and use them when it likes
}

// pressing reports whether something may have become of a hole since it was
// looked at.
func (h *hole) pressing() bool { return h.over || h.due >= h.looked }

// holes are ascending by id.
type holes []hole

// ranges are the ids of all holes.
func (hs holes) ranges() joblog.Ranges {
	if len(hs) == 0 {
		return nil
	}
	out := make(joblog.Ranges, 0, len(hs))
	for _, h := range hs {
		if last := len(out) - 1; last >= 0 && out[last].Hi == h.Lo-1 {
			out[last].Hi = h.Hi
		} else {
			out = append(out, h.Range)
		}
	}
	return out
}

// pick is the ids of some holes, by index.
func (hs holes) pick(some []int) joblog.Ranges {
	out := make(joblog.Ranges, len(some))
	for i, at := range some {
		out[i] = hs[at].Range
	}
	return out
}

// without is the holes without some ids, ascending, which became visible.
func (hs holes) without(ids []int64) holes {
	if len(ids) == 0 {
		return hs
	}
	out := make(holes, 0, len(hs)+len(ids))
	for _, h := range hs {
		i, _ := slices.BinarySearch(ids, h.Lo)
		for ; i < len(ids) && ids[i] <= h.Hi; i++ {
			if ids[i] > h.Lo {
				out = append(out, hole{joblog.Range{Lo: h.Lo, Hi: ids[i] - 1}, h.sight, h.looked, h.unborn})
			}
			h.Lo = ids[i] + 1
		}
		if h.Lo <= h.Hi {
			out = append(out, h)
		}
	}
	return out
}

// sights are the holes' sights, each once.
func (hs holes) sights() (list []*sight) {
	for i := range hs {
		if i == 0 || hs[i].sight != hs[i-1].sight {
			list = append(list, hs[i].sight)
		}
	}
	return list
}
