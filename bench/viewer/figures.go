package main

import (
	"math"
	"slices"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// quantile is the least of some figures, of which there is one at least, that a
// share of them does not exceed.
func quantile(all []float64, share float64) float64 {
	slices.Sort(all)
	return all[max(0, int(math.Ceil(share*float64(len(all))))-1)]
}

// addFrames adds what frames took; the 95th of 100 must not exceed a bar.
func addFrames(r *rig.Report, name string, frames []float64, p95 float64) {
	r.Add(name+": frames", float64(len(frames)))
	r.Add(name+": frame p50 ms", quantile(frames, 0.50))
	r.Hold(name+": frame p95 ms", quantile(frames, 0.95), p95)
	r.Add(name+": frame p99 ms", quantile(frames, 0.99))
	r.Add(name+": longest frame ms", quantile(frames, 1))
}

// tasks are those of a trace, in ms.
type tasks struct {
	Count        int
	P99, Longest float64
	Busy         float64 // all together, a share of the time
}

func (t *tasks) add(r *rig.Report, name string) {
	r.Add(name+": tasks in the trace", float64(t.Count))
	r.Add(name+": task p99 ms", t.P99)
	r.Add(name+": longest task ms", t.Longest)
	r.Add(name+": main thread busy %", 100*t.Busy)
}

// heap is the page's, in MB.
type heap struct{ Objects, Buffers float64 }

func (h heap) all() float64 { return h.Objects + h.Buffers }
