package caddyjobs

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyjobs/caddyjobs/parking"
)

// Caddy's access log shows the head of a stream that leaves its handler, and
// no more. What follows shows here.

// streams are those that are open or about to begin. Above the bound, which is
// known once, nobody is let in: what would fail next is accepting connections,
// and those to the databases.
var streams struct {
	open atomic.Int64
	most func() int64
}

func init() {
	streams.most = sync.OnceValue(func() int64 {
		if limit, known := openFiles(); known {
			return mostStreams(limit)
		}
		return math.MaxInt64
	})
}

// admit counts a stream in, unless there are too many. It is to be counted out
// by dismiss.
func admit() bool {
	if streams.open.Add(1) > streams.most() {
		streams.open.Add(-1)
		return false
	}
	return true
}

func dismiss() { streams.open.Add(-1) }

// start accounts for a stream that begins.
func (v *viewer) start() {
	metrics.open.Inc()
	v.hub.log.Debug("stream begun", "job", v.job.ID, "format", v.opts.Format.ContentType(), "resumed", v.resumed)
}

// finish gives back what a stream held, and accounts for it.
func (v *viewer) finish(why parking.Reason) {
	rows := v.stream.Rows()
	v.leave()
	sent := v.sent
	if v.conn != nil {
		sent += v.conn.Sent()
	}
	metrics.open.Dec()
	metrics.ended.WithLabelValues(string(why)).Inc()
	v.hub.log.Info("stream ended", "job", v.job.ID, "reason", string(why), "duration", time.Since(v.begun).Seconds(),
		"events", rows, "bytes", sent, "parked", v.conn != nil)
}
