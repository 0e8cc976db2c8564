package caddyjobs

import (
	"context"
	"errors"
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
		check("a failure within the second", 100, 0)
		elapse(checkEvery)
		check("a second after a failure", 0, 1)
		if h.health.well() {
			t.Error("the store's health does not know")
		}
		before, _ := s.count()
		for range 60 {
			elapse(checkEvery)
			probe(t, h, 1)
		}
		if after, _ := s.count(); after-before > 20 {
			t.Errorf("a store that is down is asked %d times a minute", after-before)
		}
		s.mu.Lock()
		s.fail = nil
		s.mu.Unlock()
		elapse(longestBackoff + checkEvery)
		check("when it is back", 100, 1)
	})
}

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
		if took := time.Since(began); took != 10*readyPatience {
			t.Errorf("10 probes took %v", took)
		}
		if n, _ := s.count(); n != 1 {
			t.Errorf("it is asked %d times", n)
		}
		elapse(callTimeout)
		if h.health.well() {
			t.Error("the store's health does not know")
		}
	})
}
