package postgres

import (
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// locks is what the lock table, and the server, say after a read.
type locks struct {
	started string // when the server was
	standby bool   // it has no locks of writers
	newest  *int64 // the sequence's last id, where we may read it
	xmin    int64
	xmax    int64
	writers []string // transactions that hold the lock of a writer on the table
}

// sight is the moment at which holes were first seen.
type sight struct {
	writers map[string]struct{} // those of them who may yet fill the holes
	xmax    int64
	at      time.Time
}

// see is the sight after which the lock table said k.
func see(k *locks, now time.Time) *sight {
	s := &sight{writers: map[string]struct{}{}, xmax: k.xmax, at: now}
	for _, w := range k.writers {
		s.writers[w] = struct{}{}
	}
	return s
}

// outlived drops the writers that are gone.
func (s *sight) outlived(k *locks) {
	left := map[string]struct{}{}
	for _, w := range k.writers {
		if _, ok := s.writers[w]; ok {
			left[w] = struct{}{}
		}
	}
	s.writers = left
}

// hole is ids that were passed over and are not visible. Once nobody is left
// who could fill it, one more read that does not find them closes it.
type hole struct {
	joblog.Range
	*sight
}

type holes []hole

// ranges are the ids of all holes.
func (hs holes) ranges() joblog.Ranges {
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

// without is the holes without some ids, ascending, which became visible.
func (hs holes) without(ids []int64) holes {
	out := make(holes, 0, len(hs)+len(ids))
	for _, h := range hs {
		i, _ := slices.BinarySearch(ids, h.Lo)
		for ; i < len(ids) && ids[i] <= h.Hi; i++ {
			if ids[i] > h.Lo {
				out = append(out, hole{joblog.Range{Lo: h.Lo, Hi: ids[i] - 1}, h.sight})
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
func (hs holes) sights() map[*sight]struct{} {
	set := map[*sight]struct{}{}
	for _, h := range hs {
		set[h.sight] = struct{}{}
	}
	return set
}
