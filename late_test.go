package caddyjobs

import (
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

const testAfter = 250 * time.Millisecond

// inLateHub is inHub with ends that are told after a while.
func inLateHub(t *testing.T, test func(t *testing.T, s *table, h *hub)) {
	t.Helper()
	inHub(t, func(t *testing.T, s *table, h *hub) {
		h.join(lateTunables(testAfter))
		test(t, s, h)
	})
}

func lateTunables(after time.Duration) *tunables {
	return &tunables{name: defaultStore, after: after, interval: time.Second, linger: time.Minute, heartbeat: time.Minute, history: 1 << 20}
}

// end has a job end, and the hub hear of it.
func (s *table) end(h *hub, job, state string) {
	s.set(job, state)
	h.hint(job)
	synctest.Wait()
}

// told reports whether a job's end was told, and after how many rows.
func told(w *watched) (state string, rows int64) {
	end, _ := w.em.Ending()
	return end.State, w.em.Next()
}

// TestLateRows writes rows after the state: they come before the end, whether
// the store gives hints of them or not.
func TestLateRows(t *testing.T) {
	for _, after := range []time.Duration{time.Millisecond, testAfter, 10 * time.Second} {
		inHub(t, func(t *testing.T, s *table, h *hub) {
			h.join(lateTunables(after))
			w := watchJob(t, h, "a")
			elapse(3 * time.Second)
			s.end(h, "a", "completed")
			elapse(after / 2)
			s.write("a")
			h.hint("")
			elapse(after/2 - time.Microsecond)
			s.write("a") // without a hint
			if state, _ := told(w); state != "" {
				t.Errorf("%s: the end is told before", after)
			}
			elapse(soonest + 2*time.Microsecond)
			synctest.Wait()
			if state, rows := told(w); state != "completed" || rows != 2 {
				t.Errorf("%s: the end is %q after %d rows, want 2", after, state, rows)
			}
			h.detach(w)
		})
	}
}

// TestLateTicks ends a hundred jobs, a few at a time: what it costs is counted.
func TestLateTicks(t *testing.T) {
	inLateHub(t, func(t *testing.T, s *table, h *hub) {
		var seats []*watched
		for i := range 100 {
			job := fmt.Sprint("job", i)
			s.set(job, "running")
			seats = append(seats, watchJob(t, h, job))
		}
		elapse(3 * time.Second)
		_, before := s.count()
		for i := range seats {
			s.set(fmt.Sprint("job", i), "completed")
			h.hint(fmt.Sprint("job", i))
			elapse(spacing)
		}
		_, seen := s.count()
		elapse(time.Second)
		synctest.Wait()
		for _, w := range seats {
			if state, _ := told(w); state != "completed" {
				t.Errorf("job %s: the end is %q", w.em.Job(), state)
			}
			h.detach(w)
		}
		if _, after := s.count(); after-seen > int(100*spacing/soonest)+3 {
			t.Errorf("%d ticks saw 100 ends, and %d told them", seen-before, after-seen)
		}
		for _, n := range s.asked[seen:] {
			if n == 0 || n > 100 {
				t.Errorf("a tick asks for %d states", n)
			}
		}
		if n := len(h.watched); n != 100 {
			t.Errorf("%d emitters linger", n)
		}
	})
}

// TestLateLeft has the viewers of a job leave that has ended: nothing is asked
// for it any more.
func TestLateLeft(t *testing.T) {
	inLateHub(t, func(t *testing.T, s *table, h *hub) {
		other, w := watchJob(t, h, "b"), watchJob(t, h, "a")
		elapse(3 * time.Second)
		s.end(h, "a", "completed")
		h.detach(w)
		again := watchJob(t, h, "a")
		elapse(testAfter + soonest)
		synctest.Wait()
		if state, _ := told(w); state != "" {
			t.Error("an emitter that nobody watches is told of the end")
		}
		if state, _ := told(again); state != "completed" {
			t.Errorf("the end is %q", state)
		}
		h.detach(again)
		h.detach(other)
	})
}

// TestLateAgain has jobs go on that have ended, and end again, or otherwise.
func TestLateAgain(t *testing.T) {
	inLateHub(t, func(t *testing.T, s *table, h *hub) {
		w, other := watchJob(t, h, "a"), watchJob(t, h, "b")
		elapse(3 * time.Second)
		s.end(h, "a", "completed")
		s.end(h, "b", "completed")
		elapse(testAfter / 2)
		s.end(h, "a", "running")
		s.end(h, "b", "failed")
		elapse(testAfter/2 + soonest)
		s.write("a")
		s.write("b")
		if state, _ := told(other); state != "" {
			t.Errorf("the end is %q too early", state)
		}
		elapse(time.Minute)
		synctest.Wait()
		if state, rows := told(w); state != "" || rows != 1 {
			t.Errorf("a job that runs again has ended as %q after %d rows", state, rows)
		}
		if state, rows := told(other); state != "failed" || rows != 1 {
			t.Errorf("a job that has ended otherwise ends as %q after %d rows", state, rows)
		}
		s.end(h, "a", "failed")
		elapse(testAfter + soonest)
		synctest.Wait()
		if state, _ := told(w); state != "failed" {
			t.Errorf("the second end is %q", state)
		}
		h.detach(w)
		h.detach(other)
	})
}

// TestLateOutage has the store fail when the end is due.
func TestLateOutage(t *testing.T) {
	inLateHub(t, func(t *testing.T, s *table, h *hub) {
		w := watchJob(t, h, "a")
		elapse(3 * time.Second)
		s.end(h, "a", "completed")
		s.mu.Lock()
		s.fail = errors.New("gone")
		s.mu.Unlock()
		elapse(time.Minute)
		s.write("a")
		s.mu.Lock()
		s.fail = nil
		s.mu.Unlock()
		elapse(longestBackoff)
		synctest.Wait()
		if state, rows := told(w); state != "completed" || rows != 1 {
			t.Errorf("the end is %q after %d rows", state, rows)
		}
		h.detach(w)
	})
}

// TestLateReload changes how long is waited while an end is waited for.
func TestLateReload(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		h.join(lateTunables(time.Hour))
		w := watchJob(t, h, "a")
		s.end(h, "a", "completed")
		elapse(time.Minute)
		synctest.Wait()
		if state, _ := told(w); state != "" {
			t.Error("the end is told too early")
		}
		h.join(lateTunables(time.Second))
		elapse(time.Second)
		synctest.Wait()
		if state, _ := told(w); state != "completed" {
			t.Errorf("the end is %q", state)
		}
		h.detach(w)
	})
}

// TestLateFirst watches a job that ended long ago: the first viewer gets its end
// after the wait, others at once, and so does who does not follow it.
func TestLateFirst(t *testing.T) {
	inLateHub(t, func(t *testing.T, s *table, h *hub) {
		s.write("a")
		s.set("a", "completed")
		first := watchJob(t, h, "a")
		once := joblog.NewStream(h, first.em, joblog.Options{Tail: -1, Once: true})
		if n := drainStream(t, once); n != 1 {
			t.Errorf("%d rows come at once", n)
		}
		if state, _ := told(first); state != "" {
			t.Error("the end is told at once")
		}
		began := time.Now()
		<-once.Wake()
		if state, _ := told(first); state != "completed" || time.Since(began) > testAfter+spacing {
			t.Errorf("the end is %q after %s", state, time.Since(began))
		}
		if b, state, err := once.Pull(t.Context(), nil); len(b) == 0 || state != joblog.Ended || err != nil {
			t.Errorf("who does not follow gets %q, %v, %v", b, state, err)
		}
		h.detach(first)
		second := watchJob(t, h, "a")
		if state, _ := told(second); state != "completed" {
			t.Error("a second viewer waits, too")
		}
		h.detach(second)
		elapse(time.Minute) // the linger, which begins when the end is told
	})
}

// TestLateOnce does not follow a job that ends while others watch it, and one
// that then goes on.
func TestLateOnce(t *testing.T) {
	inLateHub(t, func(t *testing.T, s *table, h *hub) {
		w := watchJob(t, h, "a")
		elapse(3 * time.Second)
		s.set("a", "completed") // the poller has not heard of it
		again := watchJob(t, h, "a")
		once := joblog.NewStream(h, again.em, joblog.Options{Tail: -1, Once: true})
		drainStream(t, once)
		wake := once.Wake()
		s.end(h, "a", "running")
		<-wake
		if b, state, err := once.Pull(t.Context(), nil); len(b) > 0 || state != joblog.Ended || err != nil {
			t.Errorf("who does not follow a job that goes on gets %q, %v, %v", b, state, err)
		}
		if state, _ := told(w); state != "" {
			t.Errorf("the end is %q", state)
		}
		h.detach(w)
		h.detach(again)
	})
}

// TestLateWriters has the store wait for transactions of before the end: the time
// counts from when the state was seen, and who does not follow waits, too.
func TestLateWriters(t *testing.T) {
	for _, after := range []time.Duration{0, testAfter, 5 * time.Second} {
		inHub(t, func(t *testing.T, s *table, h *hub) {
			h.join(lateTunables(after))
			s.writing = true
			s.set("a", "completed")
			w := watchJob(t, h, "a")
			once := joblog.NewStream(h, w.em, joblog.Options{Tail: -1, Once: true})
			drainStream(t, once)
			wake, began := once.Wake(), time.Now()
			elapse(3*time.Second + time.Millisecond)
			if state, _ := told(w); state != "" {
				t.Errorf("%s: the end is %q beside writers", after, state)
			}
			s.mu.Lock()
			s.writing = false
			s.mu.Unlock()
			s.write("a")
			<-wake
			if took := time.Since(began); took < 3*time.Second || took > 5*time.Second {
				t.Errorf("%s: who does not follow has waited for %s", after, took)
			}
			elapse(time.Second + after)
			synctest.Wait()
			if state, rows := told(w); state != "completed" || rows != 1 {
				t.Errorf("%s: the end is %q after %d rows", after, state, rows)
			}
			h.detach(w)
		})
	}
}
