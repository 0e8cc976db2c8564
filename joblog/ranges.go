package joblog

import (
	"slices"
	"sort"
)

// Range is the ids from Lo to Hi, both included.
type Range struct{ Lo, Hi int64 }

// Ranges is a set of ids: disjoint, ascending, not touching each other.
type Ranges []Range

// find is the index of the first range that ends at id or above.
func (r Ranges) find(id int64) int {
	return sort.Search(len(r), func(i int) bool { return r[i].Hi >= id })
}

// past is the index of the first range that ends above n.
func (r Ranges) past(n int64) int {
	return sort.Search(len(r), func(i int) bool { return r[i].Hi > n })
}

// Contain reports whether id is in the set.
func (r Ranges) Contain(id int64) bool {
	i := r.find(id)
	return i < len(r) && r[i].Lo <= id
}

// upTo is the part of the set at n or below. It shares nothing with r that
// an append could overwrite.
func (r Ranges) upTo(n int64) Ranges {
	i := r.past(n)
	if i < len(r) && r[i].Lo <= n {
		return append(r[:i:i], Range{r[i].Lo, n})
	}
	return r[:i:i]
}

// above is the part of the set above n.
func (r Ranges) above(n int64) Ranges {
	i := r.past(n)
	if i < len(r) && r[i].Lo <= n {
		return append(Ranges{{n + 1, r[i].Hi}}, r[i+1:]...)
	}
	return r[i:len(r):len(r)]
}

// intersect is the set of ids that are in both r and s. The result is new.
func (r Ranges) intersect(s Ranges) Ranges {
	var both Ranges
	for i, j := 0, 0; i < len(r) && j < len(s); {
		lo, hi := max(r[i].Lo, s[j].Lo), min(r[i].Hi, s[j].Hi)
		if lo <= hi {
			both = append(both, Range{lo, hi})
		}
		if r[i].Hi < s[j].Hi {
			i++
		} else {
			j++
		}
	}
	return both
}

// Add is the set with one more id, which must not be in it. The result
// shares nothing with r.
func (r Ranges) Add(id int64) Ranges {
	i := r.find(id)
	left := i > 0 && r[i-1].Hi == id-1
	right := i < len(r) && r[i].Lo == id+1
	out := make(Ranges, 0, len(r)+1)
	out = append(out, r[:i]...)
	switch {
	case left && right:
		out[i-1].Hi = r[i].Hi
		i++
	case left:
		out[i-1].Hi = id
	case right:
		out = append(out, Range{id, r[i].Hi})
		i++
	default:
		out = append(out, Range{id, id})
	}
	return append(out, r[i:]...)
}

// merge joins neighbours unless apart says that something lies between the
// end of one and the start of the next. The result is new.
func (r Ranges) merge(apart func(lo, hi int64) bool) Ranges {
	out := make(Ranges, 0, min(len(r), 8))
	for _, h := range r {
		if last := len(out) - 1; last >= 0 && !apart(out[last].Hi, h.Lo) {
			out[last].Hi = h.Hi
		} else {
			out = append(out, h)
		}
	}
	return out
}

// coarse is the set with more ids, so that it has no more ranges than most, 1 at
// least: those nearest to each other are joined. It shares nothing with r unless
// it is r.
func (r Ranges) coarse(most int) Ranges {
	joins := len(r) - most
	if joins <= 0 {
		return r
	}
	gaps := make([]int64, len(r)-1)
	for i := range gaps {
		gaps[i] = r[i+1].Lo - r[i].Hi
	}
	slices.Sort(gaps)
	widest := gaps[joins-1]
	below, _ := slices.BinarySearch(gaps, widest)
	even := joins - below // how many of the widest are joined
	return r.merge(func(lo, hi int64) bool {
		if hi-lo == widest {
			even--
		}
		return hi-lo > widest || hi-lo == widest && even < 0
	})
}
