package caddyjobs

import (
	"time"

	"github.com/caddyjobs/caddyjobs/parking"
)

// Caddy's access log shows the head of a stream that leaves its handler, and
// no more. What follows shows here.

// start accounts for a stream that begins.
func (v *viewer) start() {
	metrics.open.WithLabelValues(v.protocol, v.path).Inc()
	if v.resumed {
		metrics.resumes.Inc()
	}
	v.hub.log.Debug("stream begun", "job", v.job.ID, "viewer", v.number, "format", v.opts.Format.ContentType(), "resumed", v.resumed)
}

// finish gives back what a stream held, and accounts for it.
func (v *viewer) finish(why parking.Reason) {
	rows := v.stream.Rows()
	v.leave()
	sent := v.bytes()
	metrics.open.WithLabelValues(v.protocol, v.path).Dec()
	metrics.ended.WithLabelValues(string(why)).Inc()
	v.hub.log.Info("stream ended", "job", v.job.ID, "viewer", v.number, "reason", string(why), "duration", time.Since(v.begun).Seconds(),
		"events", rows, "bytes", sent, "parked", v.conn != nil)
}

// bytes is how many were sent. It may be called by anybody.
func (v *viewer) bytes() int64 {
	sent := v.sent.Load()
	if conn := v.wire.Load(); conn != nil {
		sent += conn.Sent()
	}
	return sent
}
