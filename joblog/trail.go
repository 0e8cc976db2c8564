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

// reach prepares for the delivery of rows with these ids, ascending, after
// which nothing but pos's holes is missing up to the last of them. It returns
// pos as this job sees it, to be given to step with each id.
func (t *trail) reach(pos Cursor, ids []int64) Cursor {
	if len(pos.Holes) == 0 {
		t.own = t.own[:0]
		return pos
	}
	t.remember(ids, pos.Holes[0].Lo)
	return Cursor{N: pos.N, Holes: pos.Holes.merge(t.apart)}
}

// step is the cursor after the row with this id. Rows are delivered ascending,
// so up to id only pos's holes are missing; above it, what at lacked before.
func (t *trail) step(pos Cursor, id int64) Cursor {
	t.at = t.at.Union(pos.Clip(id))
	return t.at
}

// arrive is the cursor of a viewer who has all that pos covers.
func (t *trail) arrive(pos Cursor) Cursor { return t.step(t.reach(pos, nil), pos.N) }

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
	if over := len(t.own) - maxOwn; over > 0 {
		t.known = max(t.known, t.own[over-1])
		t.own = slices.Delete(t.own, 0, over)
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
