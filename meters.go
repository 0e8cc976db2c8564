package caddyjobs

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// meters count what is done with one store. Hubs whose store has the same name
// share them: a reload may change what the name stands for, and streams of what
// it stood for live on.
type meters struct {
	name                              string
	polls                             prometheus.Observer
	rows, failures, evicted, ingested prometheus.Counter
}

// storeMeters is the collector of what has the name of a store as its label:
// the meters, and how stores are at the moment.
type storeMeters struct {
	polls                             *prometheus.HistogramVec
	rows, failures, evicted, ingested *prometheus.CounterVec
	up, watched, history              *prometheus.Desc

	mu   sync.Mutex
	used map[string]int // hubs, by the name of their store
}

func newStoreMeters() *storeMeters {
	label := []string{"store"}
	counter := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Namespace: space, Name: name, Help: help}, label)
	}
	gauge := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(prometheus.BuildFQName(space, "", name), help, label, nil)
	}
	return &storeMeters{
		polls: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: space, Name: "poll_duration_seconds", Help: "How long polls took, of all watched jobs at once.",
			Buckets: []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15},
		}, label),
		rows:     counter("poll_rows_total", "Rows of watched jobs that polls found."),
		failures: counter("poll_failures_total", "Polls that failed."),
		evicted:  counter("history_evicted_events_total", "Recent events that made way in memory; who lacks them reads the store."),
		ingested: counter("ingested_events_total", "Events that were appended through this node, repeated requests included."),
		up:       gauge("store_up", "Whether the store answered when it was last asked."),
		watched:  gauge("watched_jobs", "Jobs that are followed: somebody watches, and they have not ended."),
		history:  gauge("history_bytes", "Memory for events of watched jobs, recent ones and those that are replayed."),
		used:     map[string]int{},
	}
}

// take is the meters of a store by its name, to be given back by drop.
func (m *storeMeters) take(name string) *meters {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.used[name]++
	return &meters{
		name: name, polls: m.polls.WithLabelValues(name),
		rows: m.rows.WithLabelValues(name), failures: m.failures.WithLabelValues(name),
		evicted: m.evicted.WithLabelValues(name), ingested: m.ingested.WithLabelValues(name),
	}
}

// drop gives meters back. Those that nobody uses are forgotten.
func (m *storeMeters) drop(of *meters) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.used[of.name]--; m.used[of.name] > 0 {
		return
	}
	delete(m.used, of.name)
	m.polls.DeleteLabelValues(of.name)
	for _, vec := range m.counters() {
		vec.DeleteLabelValues(of.name)
	}
}

func (m *storeMeters) counters() []*prometheus.CounterVec {
	return []*prometheus.CounterVec{m.rows, m.failures, m.evicted, m.ingested}
}

// Describe sends what there may be.
func (m *storeMeters) Describe(out chan<- *prometheus.Desc) {
	m.polls.Describe(out)
	for _, vec := range m.counters() {
		vec.Describe(out)
	}
	out <- m.up
	out <- m.watched
	out <- m.history
}

// Collect sends what there is.
func (m *storeMeters) Collect(out chan<- prometheus.Metric) {
	m.polls.Collect(out)
	for _, vec := range m.counters() {
		vec.Collect(out)
	}
	for name, s := range standings() {
		out <- prometheus.MustNewConstMetric(m.up, prometheus.GaugeValue, s.up, name)
		out <- prometheus.MustNewConstMetric(m.watched, prometheus.GaugeValue, float64(s.watched), name)
		out <- prometheus.MustNewConstMetric(m.history, prometheus.GaugeValue, float64(s.history), name)
	}
}

// standing is how the stores of one name are.
type standing struct {
	up               float64 // 1 if all of them answer, else 0
	watched, history int
}

func standings() map[string]*standing {
	all := map[string]*standing{}
	hubs.Range(func(_, value any) bool {
		h := value.(*hub)
		name := h.meters.Load().name
		if all[name] == nil {
			all[name] = &standing{up: 1}
		}
		s := all[name]
		watched, history := h.usage()
		s.watched += watched
		s.history += history
		if !h.health.well() {
			s.up = 0
		}
		return true
	})
	return all
}

// usage is how many jobs are followed, and how many bytes of memory the events
// of all that are watched take.
func (h *hub) usage() (watched, history int) {
	h.mu.Lock()
	watched = h.live
	emitters := make([]*joblog.Emitter, 0, len(h.watched))
	for _, w := range h.watched {
		emitters = append(emitters, w.em)
	}
	h.mu.Unlock()
	for _, em := range emitters {
		history += em.Size()
	}
	return watched, history + h.shelf.bytes()
}
