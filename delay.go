package caddyjobs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// delay is how long live rows take from their commit until they are sent, at
// most: nobody but the store knows when a row became visible. If the store gave
// a hint, or the commit was our own, that was just before; the first hint since
// a poll counts for all that the next one finds. Else it was after the poll
// before had begun.
//
// It must cost nothing for each of many viewers. So parked streams of a job are
// observed once, when the last of them has been sent the rows.
var delay = prometheus.NewHistogram(prometheus.HistogramOpts{
	Namespace: space, Name: "commit_to_flush_seconds",
	Help: "How long live rows took from their commit until they were sent, at most: " +
		"counted from the first hint of the store, or the first commit of this node, since the poll before; " +
		"where there was none, from the beginning of that poll. " +
		"Observed once for all parked streams of a job that one processor serves, when the last of them was sent the rows, " +
		"and once for each write to another stream.",
	Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
})

// flushed takes how long rows took, at most, until they were sent.
func flushed(took time.Duration) { delay.Observe(took.Seconds()) }
