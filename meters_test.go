package caddyjobs

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// rose reads by how much a figure of the store default has risen since the
// test began.
func rose(t *testing.T) func(name string) float64 {
	t.Helper()
	figure := func(all map[string]float64, name string) float64 { return all[name+"{store=default}"] }
	before := figures(t)
	return func(name string) float64 { return figure(figures(t), name) - figure(before, name) }
}

// TestStoreMetrics watches two jobs, over a reload in which the store's name
// comes to stand for another one.
func TestStoreMetrics(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	rise := rose(t)
	check := func(name string, want float64) {
		t.Helper()
		eventually(t, name, func() bool { return rise(name) == want })
	}
	delays := figures(t)["caddyjobs_commit_to_flush_seconds"]
	s.post(t, "a", "0")
	s.post(t, "b", "0")
	streams := []*stream{s.get(t, "/jobs/a/logs"), s.get(t, "/jobs/b/logs")}
	for _, st := range streams {
		st.until("caught_up")
	}
	check("caddyjobs_watched_jobs", 2)
	check("caddyjobs_poll_rows_total", 0)
	s.post(t, "a", "1", "2")
	streams[0].until(`"2"`)
	check("caddyjobs_ingested_events_total", 4)
	check("caddyjobs_poll_rows_total", 2)
	check("caddyjobs_poll_failures_total", 0)
	if got := rise("caddyjobs_history_bytes"); got < 200 {
		t.Errorf("the history has %v bytes", got)
	}
	if rise("caddyjobs_poll_duration_seconds") == 0 || figures(t)["caddyjobs_store_up{store=default}"] != 1 {
		t.Error("there was no poll, or the store is down")
	}
	eventually(t, "a flush is observed", func() bool { return figures(t)["caddyjobs_commit_to_flush_seconds"] > delays })
	s.load(t, strings.Replace(sqliteStore, "{db}", "{db}2", 1), both)
	for _, st := range streams {
		st.rest()
	}
	check("caddyjobs_watched_jobs", 0)
	check("caddyjobs_ingested_events_total", 4)
	s.load(t, "", "respond x")
	eventually(t, "the metrics are gone", func() bool {
		for name := range figures(t) {
			if strings.Contains(name, "{store=") {
				return false
			}
		}
		return true
	})
}

// noting is an observer that keeps what it was told.
type noting struct{ since []time.Time }

func (n *noting) Changed(since time.Time) { n.since = append(n.since, since) }

// TestSince says since when rows may have been visible: since the first hint
// after the last tick that found out all, else since that tick began.
func TestSince(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		rise := rose(t)
		w := watchJob(t, h, "a")
		elapse(10 * time.Second) // to where a tick comes each second
		var told noting
		w.em.Observe(&told)
		check := func(what string, want time.Time) {
			t.Helper()
			synctest.Wait()
			if len(told.since) != 1 || !told.since[0].Equal(want) {
				t.Errorf("%s: told %v, want %v", what, told.since, want)
			}
			told.since = nil
			elapse(10 * time.Second)
		}
		tick := func() time.Time { // when the next one begins
			_, before := s.count()
			for n := before; n == before; _, n = s.count() {
				elapse(time.Millisecond)
				synctest.Wait()
			}
			return time.Now()
		}
		last := tick()
		elapse(time.Second / 2)
		s.write("a")
		tick()
		check("without a hint", last)

		tick()
		elapse(time.Second / 2)
		s.write("a")
		heard := time.Now()
		h.hint("")
		h.hint("a")
		tick()
		check("with hints", heard)

		last = tick()
		outage := func(hint func()) {
			s.mu.Lock()
			s.fail = errors.New("down")
			s.mu.Unlock()
			hint()
			tick()
			s.mu.Lock()
			s.fail = nil
			s.rows = append(s.rows, joblog.Event{ID: int64(len(s.rows) + 1), Job: "a", Message: "row"})
			s.mu.Unlock()
			tick()
		}
		outage(func() {})
		check("after a tick that failed", last)

		tick()
		heard = time.Now()
		outage(func() { h.hint("") })
		check("after a hint and a tick that failed", heard)
		if got := rise("caddyjobs_poll_failures_total"); got != 2 {
			t.Errorf("%v polls failed", got)
		}
		h.detach(w)
	})
}

// TestEvicted lets the history overflow.
func TestEvicted(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		rise := rose(t)
		h.tunables.Store(&tunables{interval: time.Second, linger: time.Minute, heartbeat: time.Minute, history: 10_000})
		w := watchJob(t, h, "a")
		for range 200 {
			s.write("a")
			h.hint("")
			settle()
		}
		kept := 0
		for n := w.em.Next() - 1; n >= 0; n-- {
			if _, ok := w.em.Range(n, func(*joblog.Frame) bool { return false }); !ok {
				break
			}
			kept++
		}
		if got := rise("caddyjobs_history_evicted_events_total"); got != float64(200-kept) || kept == 200 {
			t.Errorf("%v events of 200 were evicted, %d are kept", got, kept)
		}
		h.detach(w)
	})
}
