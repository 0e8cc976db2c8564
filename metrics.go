package caddyjobs

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are the process's, not a config's: streams outlive theirs. No job,
// user or address is ever a label.
var metrics = newMetrics()

type collectors struct {
	open           *prometheus.GaugeVec
	ended, refuses *prometheus.CounterVec
	resumes, gaps  prometheus.Counter
	all            []prometheus.Collector

	// What goroutines sent. The lot counts what it sends.
	bytes, events atomic.Int64
}

func newMetrics() *collectors {
	const space = "caddyjobs"
	m := &collectors{
		open: prometheus.NewGaugeVec(prometheus.GaugeOpts{Namespace: space, Name: "streams", Help: "Streams that are open, by protocol and path."},
			[]string{"protocol", "path"}),
		ended: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Name: "streams_ended_total", Help: "Streams that have ended, by reason."},
			[]string{"reason"}),
		refuses: prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Name: "refusals_total", Help: "Requests that got no stream, by reason."},
			[]string{"reason"}),
		resumes: prometheus.NewCounter(prometheus.CounterOpts{Namespace: space, Name: "resumes_total", Help: "Streams of clients that came again with a cursor."}),
		gaps:    prometheus.NewCounter(prometheus.CounterOpts{Namespace: space, Name: "gaps_total", Help: "Times that a client was told that its cursor does not hold."}),
	}
	m.all = []prometheus.Collector{
		m.open, m.ended, m.refuses, m.resumes, m.gaps,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Namespace: space, Name: "streams_parked", Help: "Streams that are open and have no goroutine."},
			func() float64 { return float64(lot().Counts().Parked) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: space, Name: "sent_bytes_total", Help: "Bytes of bodies that streams were sent."},
			func() float64 { return float64(lot().Counts().Bytes + m.bytes.Load()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{Namespace: space, Name: "sent_events_total", Help: "Events that streams were sent."},
			func() float64 { return float64(lot().Counts().Events + m.events.Load()) }),
	}
	return m
}

// refused counts a request that gets no stream.
func (m *collectors) refused(e *refusal) { m.refuses.WithLabelValues(e.kind).Inc() }

// register makes a config's registry show them.
func (m *collectors) register(r prometheus.Registerer) error {
	for _, c := range m.all {
		if err := r.Register(c); err != nil && !errors.As(err, new(prometheus.AlreadyRegisteredError)) {
			return fmt.Errorf("registering metrics: %w", err)
		}
	}
	return nil
}
