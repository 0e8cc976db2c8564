package caddyjobs

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// probe asks so many times at once whether a store answers, and how many said so.
func probe(t *testing.T, h *hub, times int) (up int) {
	t.Helper()
	var mu sync.Mutex
	var probes sync.WaitGroup
	for range times {
		probes.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), readyPatience)
			defer cancel()
			if h.checkup.up(ctx) {
				mu.Lock()
				defer mu.Unlock()
				up++
			}
		})
	}
	probes.Wait()
	return up
}

// TestCheckup asks a store whether it answers, by many at once and again and
// again, and has it stop to do so.
func TestCheckup(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		check := func(what string, want, most int) {
			t.Helper()
			before, _ := s.count()
			if up := probe(t, h, 100); up != want {
				t.Errorf("%s: %d of 100 are told that it is up, want %d", what, up, want)
			}
			if after, ticks := s.count(); after-before > most || ticks > 0 {
				t.Errorf("%s: the store is asked %d times, and has %d ticks", what, after-before, ticks)
			}
		}
		check("at first", 100, 1)
		check("at once again", 100, 0)
		elapse(checkEvery)
		check("a second later", 100, 1)
		s.mu.Lock()
		s.fail = errors.New("down")
		s.mu.Unlock()
		elapse(upFor)
		check("once it has died", 0, 2)
		if h.health.well() {
			t.Error("the store's health does not know")
		}
		if err := h.health.refused(); err != nil {
			t.Errorf("a check keeps calls from being made: %v", err)
		}
		before, _ := s.count()
		for range 600 {
			elapse(checkEvery / 10)
			probe(t, h, 10)
		}
		if after, _ := s.count(); after-before > 10*60 { // each probe waits for up to its patience
			t.Errorf("a store that is down is asked %d times in ten minutes", after-before)
		}
		s.mu.Lock()
		s.fail = nil
		s.mu.Unlock()
		elapse(checkEvery - readyPatience + upFor) // since the last failure; until then who asks may be told of that
		check("when it is back", 100, 1)
		elapse(upFor)
		s.mu.Lock()
		s.once = errors.New("an old connection")
		s.mu.Unlock()
		check("when one connection was cut", 100, 2)
	})
}

// TestCheckupAfterCalls has a store that is back while calls are still refused,
// which had failed: the check lets them be made, and the tail be read, at once.
func TestCheckupAfterCalls(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		var log bytes.Buffer
		h.health.log = slog.New(slog.NewTextHandler(&log, nil))
		w := watchJob(t, h, "a")
		s.mu.Lock()
		s.fail = errors.New("gone")
		s.mu.Unlock()
		elapse(time.Minute) // the tail rests for seconds by now
		s.write("a")
		s.mu.Lock()
		s.fail = nil
		s.mu.Unlock()
		if up := probe(t, h, 1); up != 1 {
			t.Error("the store is said to be down")
		}
		settle()
		if n := w.em.Next(); n != 1 {
			t.Errorf("the row that was written meanwhile did not come: %d", n)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 2 {
			t.Errorf("an outage is %d lines:\n%s", lines, &log)
		}
		h.detach(w)
	})
}

// TestCheckupOfLittle asks a store that answers what is cheap to tell, and fails
// else: it does not come and go with each check.
func TestCheckupOfLittle(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		var log bytes.Buffer
		h.health.log = slog.New(slog.NewTextHandler(&log, nil))
		h.store = little{s}
		w := watchJob(t, h, "a")
		s.mu.Lock()
		s.fail = errors.New("no such column")
		s.mu.Unlock()
		elapse(3 * time.Second)
		_, before := s.count()
		for range 60 {
			elapse(checkEvery)
			probe(t, h, 1)
		}
		if _, ticks := s.count(); ticks-before > 70 {
			t.Errorf("%d ticks a minute", ticks-before)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 {
			t.Errorf("an outage is %d lines:\n%s", lines, &log)
		}
		h.detach(w)
	})
}

// little is a store of which the newest id is known, whatever else fails.
type little struct{ *table }

func (little) Newest(context.Context) (int64, error) { return 0, nil }

// hung is a store that does not answer.
type hung struct{ *table }

func (h hung) Newest(ctx context.Context) (int64, error) {
	h.mu.Lock()
	h.lookups++
	h.mu.Unlock()
	<-ctx.Done()
	return 0, ctx.Err()
}

// TestCheckupHangs asks a store that says nothing: who asks is not kept waiting,
// and no second question is asked meanwhile.
func TestCheckupHangs(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		h.store = hung{s}
		began := time.Now()
		for range 10 {
			if up := probe(t, h, 100); up != 0 {
				t.Errorf("%d of 100 are told that it is up", up)
			}
		}
		if took := time.Since(began); took > 10*readyPatience {
			t.Errorf("10 probes took %v", took)
		}
		if n, _ := s.count(); n != 2 { // each time for as long as a check may take
			t.Errorf("it is asked %d times", n)
		}
		elapse(pingTimeout)
		if h.health.well() {
			t.Error("the store's health does not know")
		}
	})
}
