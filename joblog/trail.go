package joblog

import "slices"

// maxOwn bounds the ids a trail remembers. Beyond it holes are merged less,
// and cursors get longer.
const maxOwn = 1 << 16

// A trail makes the cursors of one job's rows as they are delivered.
//
// A tail's position speaks of all jobs; its holes are mostly other jobs' rows.
// A cursor speaks of one job, so two holes may be merged if no row of the job
// that was delivered lies between them: that keeps cursors short. Rows up to
// known were delivered by somebody else, so nothing is merged there.
type trail struct {
	at    Cursor  // what a viewer has who got everything so far
	known int64   // all rows delivered above it are in own, unless below every hole
	own   []int64 // ids of delivered rows, ascending
}

// reach is the leg of the delivery of rows with these ids, ascending, after
// which nothing but pos's holes is missing up to the last of them.
func (t *trail) reach(pos Cursor, ids []int64) leg {
	if len(pos.Holes) == 0 {
		t.own = t.own[:0]
	} else {
		t.remember(ids, pos.Holes[0].Lo)
		pos.Holes = pos.Holes.merge(t.apart)
	}
	return leg{from: t.at, to: t.at.Union(pos)}
}

// arrive is the cursor of a viewer who has all that pos covers.
func (t *trail) arrive(pos Cursor) Cursor {
	t.at = t.reach(pos, nil).to
	return t.at
}

// leg is the part of a trail that one tick or page makes: what a viewer has
// before its rows, and after them.
type leg struct{ from, to Cursor }

// after is the cursor after the row with this id. Rows are delivered ascending:
// up to id all is as it will be, above it as it was. Cursors above from are
// parts of to, and take no memory of their own.
func (l leg) after(id int64) Cursor {
	if id >= l.from.N {
		return l.to.Clip(id)
	}
	return l.to.splice(id, l.from)
}

// maxSplices bounds the holes in all cursors of a leg's late rows, which are
// not parts of one.
const maxSplices = 1 << 19

// short is a leg whose cursors can be sent, and do not take too much memory if
// so many of its rows are late.
func (l leg) short(late int) leg {
	most := max(maxSplices/max(late, 1), 1)
	l.from, l.to = l.from.short(), l.to.short()
	l.from.Holes, l.to.Holes = l.from.Holes.coarse(most), l.to.Holes.coarse(most)
	return l
}

// late is how many of some ids, ascending, are of rows that come after such with
// higher ids.
func (l leg) late(ids []int64) int {
	n, _ := slices.BinarySearch(ids, l.from.N)
	return n
}

// remember adds ids to own and forgets those below low: no hole is there, so
// none will be merged there.
func (t *trail) remember(ids []int64, low int64) {
	i, _ := slices.BinarySearch(t.own, low)
	t.own = slices.Delete(t.own, 0, i)
	i, _ = slices.BinarySearch(ids, low)
	late := len(t.own) > 0 && i < len(ids) && ids[i] < t.own[len(t.own)-1]
	t.own = append(t.own, ids[i:]...)
	if late {
		slices.Sort(t.own)
	}
	t.forget(maxOwn)
}

// forget forgets all but the newest ids.
func (t *trail) forget(most int) {
	if over := len(t.own) - most; over > 0 {
		t.known = max(t.known, t.own[over-1])
		t.own = slices.Delete(t.own, 0, over)
	}
}

// shrink gives back what memory a trail can do without for long.
func (t *trail) shrink() {
	const most = 256 // ids
	if len(t.own) > most {
		t.forget(most)
		t.own = slices.Clone(t.own)
	}
}

// apart reports whether a delivered row lies, or may lie, between two ids.
func (t *trail) apart(lo, hi int64) bool {
	if lo < t.known {
		return true
	}
	i, _ := slices.BinarySearch(t.own, lo)
	return i < len(t.own) && t.own[i] < hi
}
