package load

import (
	"math/bits"
	"time"
)

// fine is how many bits of a duration are told apart: one part in 128.
const fine = 7

// Histogram counts durations, each to within one percent.
type Histogram struct {
	counts [(64 - fine) << fine]int64
	total  int64
}

// add counts a duration in nanoseconds.
func (h *Histogram) add(ns int64) {
	h.counts[bucket(uint64(max(ns, 0)))]++
	h.total++
}

// bucket is where a duration counts: the numbers below 1<<fine have one each,
// and every power of two above has as many.
func bucket(ns uint64) int {
	shift := max(bits.Len64(ns)-fine-1, 0)
	return shift<<fine + int(ns>>shift)
}

// floor is the smallest duration that counts in a bucket.
func floor(i int) uint64 {
	shift := max(i>>fine-1, 0)
	return uint64(i-shift<<fine) << shift
}

// Quantile is the duration that this part of all do not exceed; 0 if there are
// none.
func (h *Histogram) Quantile(part float64) time.Duration {
	if h.total == 0 {
		return 0
	}
	rank := int64(part * float64(h.total-1))
	for i, n := range h.counts {
		if rank -= n; rank < 0 {
			return time.Duration(floor(i))
		}
	}
	return 0
}
