package postgres

import "github.com/caddyjobs/caddyjobs/joblog"

// A sequence with a CACHE gives each session a block of ids, which the session
// uses in ascending order and may keep for days: nobody holds a lock for those
// that it has not used yet. But once a row is visible, its session has ended
// whatever it did with lower ids of the block. So only ids at the end of a block
// may be unborn. A session keeps the rest of one block, and one that has ended
// leaves it behind.

// maxUnborn bounds the holes that are kept, whoever is gone, for sessions that
// may yet use their ids: the rests of so many blocks.
const maxUnborn = 100

// blocks are how a sequence gives out ids.
type blocks struct {
	size int64 // the sequence's CACHE; 0 if sessions keep no ids, or nobody can tell which
	end  int64 // last id of some block
	from int64 // ids up to it may be of other blocks than those: the sequence was altered
}

// change takes over what is known of the sequence, and reports whether its
// blocks are not where they should be.
func (b *blocks) change(size int64, newest *int64) (altered bool) {
	if newest != nil {
		altered = b.size > 0 && (*newest-b.end)%b.size != 0
		if altered || b.size > 0 && size != b.size {
			b.from = *newest
		}
		b.end = *newest
	}
	b.size = size
	return altered
}

// starts reports whether a block begins with id.
func (b blocks) starts(id int64) bool { return (id-b.end-1)%b.size == 0 }

// start is the first id of the block of id.
func (b blocks) start(id int64) int64 { return id - ((id-b.end-1)%b.size+b.size)%b.size }

// bear finds the unborn ids below rows of their block. Those are like any other
// ids from now on: decided once those who write now have ended. A standby does
// not know how far the blocks go.
func (t *tail) bear(l *layout, k *locks) {
	if t.blocks.size == 0 || k.standby {
		return
	}
	now := see(k, l.born(), t.ticks)
	out := make(holes, 0, len(t.holes))
	for i, h := range t.holes {
		above := h.Hi + 1
		if !h.unborn || above <= t.blocks.from || above > t.n || t.blocks.starts(above) || i+1 < len(t.holes) && t.holes[i+1].Lo == above {
			out = append(out, h)
			continue
		}
		lo := max(h.Lo, t.blocks.start(above))
		if h.Lo < lo {
			out = append(out, hole{joblog.Range{Lo: h.Lo, Hi: lo - 1}, h.sight, h.looked, true})
		}
		out = append(out, hole{joblog.Range{Lo: lo, Hi: h.Hi}, now, t.ticks, false})
	}
	t.holes = out
}

// shed gives up the oldest of the unborn ids, where there are too many.
func (t *tail) shed() {
	kept := 0
	for i := len(t.holes) - 1; i >= 0; i-- {
		if h := &t.holes[i]; h.unborn && h.over {
			kept++
			h.unborn = kept <= maxUnborn
		}
	}
}
