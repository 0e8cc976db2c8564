package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// buckets is into how many parts the time of the exit is cut.
const buckets = 20

// histogram is how many streams ended in each part of the time until the last
// one did.
type histogram struct {
	width  time.Duration // of a part
	counts [buckets]int
}

func spread(ends []time.Duration) (h histogram) {
	if len(ends) == 0 {
		return h
	}
	h.width = slices.Max(ends)/buckets + 1
	for _, at := range ends {
		h.counts[at/h.width]++
	}
	return h
}

// unevenness is how many times as many streams ended in the fullest part as did
// in the emptiest, but for two parts at either end.
func (h *histogram) unevenness() float64 {
	const edge = 2
	middle := h.counts[edge : buckets-edge]
	return float64(slices.Max(middle)) / float64(slices.Min(middle))
}

// even is the unevenness that chance does not exceed where so many streams end
// at any moment with the same likelihood: five deviations either way.
func even(streams int) float64 {
	mean := float64(streams) / buckets
	deviation := 5 * math.Sqrt(mean)
	if mean <= deviation {
		return math.Inf(1)
	}
	return (mean + deviation) / (mean - deviation)
}

// String draws it.
func (h *histogram) String() string {
	const widest = 60
	var b strings.Builder
	b.WriteString("```\n")
	for i, n := range h.counts {
		bar := strings.Repeat("#", widest*n/max(1, slices.Max(h.counts[:])))
		fmt.Fprintf(&b, "%6.2f s %6d %s\n", (time.Duration(i) * h.width).Seconds(), n, bar)
	}
	b.WriteString("```")
	return b.String()
}
