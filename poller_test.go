package caddyjobs

import (
	"bytes"
	"errors"
	"log/slog"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"weak"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// elapse lets the clock of a test's bubble go on by d. Nothing waits for it: the
// clock jumps as soon as all goroutines of the bubble are idle, which is what
// tests of when the poller asks are made of.
func elapse(d time.Duration) { time.Sleep(d) }

// inHub runs a test in a bubble, on a hub of a table with jobs a, b and c.
func inHub(t *testing.T, test func(t *testing.T, s *table, h *hub)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &table{state: map[string]string{"a": "running", "b": "running", "c": "running"}}
		h := newHub("table", s)
		h.log = slog.New(slog.NewTextHandler(t.Output(), nil))
		h.health.log = h.log
		h.join(&tunables{name: defaultStore, interval: time.Second, linger: time.Minute, heartbeat: time.Minute, history: 1 << 20})
		test(t, s, h)
		if err := h.Destruct(); err != nil {
			t.Error(err)
		}
	})
}

func watchJob(t *testing.T, h *hub, job string) *watched {
	t.Helper()
	found, ok, err := h.lookup.job(t.Context(), joblog.Ask{ID: job, AnyOwner: true})
	if err != nil || !ok {
		t.Fatalf("job %s: %v, %v", job, ok, err)
	}
	w, err := h.attach(t.Context(), found)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// settle lets a poke take effect, and nothing more.
func settle() {
	elapse(spacing)
	synctest.Wait()
}

// TestTicks counts the ticks: one an interval whatever is watched, one for who
// comes, none when nobody is there.
func TestTicks(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		elapse(time.Minute)
		if lookups, ticks := s.count(); lookups+ticks > 0 {
			t.Errorf("before the first viewer: %d lookups, %d ticks", lookups, ticks)
		}
		var seats []*watched
		for _, job := range []string{"a", "a", "b", "c"} {
			seats = append(seats, watchJob(t, h, job))
		}
		if seats[0] != seats[1] {
			t.Error("two viewers of a job have two emitters")
		}
		elapse(3 * time.Second) // until it is quiet
		_, before := s.count()
		elapse(10*time.Second + time.Millisecond)
		if _, ticks := s.count(); ticks-before != 10 {
			t.Errorf("%d ticks in 10 s, want 10", ticks-before)
		}
		if last := s.asked[len(s.asked)-1]; last != 3 {
			t.Errorf("a tick asked for %d states, want all 3", last)
		}
		for _, w := range seats {
			h.detach(w)
		}
		_, before = s.count()
		elapse(time.Minute)
		if _, ticks := s.count(); ticks != before {
			t.Errorf("%d ticks without viewers", ticks-before)
		}
	})
}

// TestPace ticks sooner while rows flow, without a hint, and asks about the
// jobs that have them; then less and less.
func TestPace(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		w, quiet := watchJob(t, h, "a"), watchJob(t, h, "b")
		elapse(3 * time.Second)
		for i := range 100 {
			s.write("a")
			elapse(soonest)
			synctest.Wait()
			if n := w.em.Next(); i > 20 && n < int64(i) { // the first tick after the silence may take an interval
				t.Fatalf("after %d rows the emitter has %d frames", i+1, n)
			}
		}
		s.set("a", "completed")
		elapse(2 * soonest)
		synctest.Wait()
		if _, ok := w.em.Ending(); !ok {
			t.Errorf("the end of a job that had rows is not seen within %s", 2*soonest)
		}
		_, before := s.count()
		elapse(3 * time.Second)
		if _, ticks := s.count(); ticks-before > 7 {
			t.Errorf("%d ticks in 3 s after the last row", ticks-before)
		}
		h.detach(w)
		h.detach(quiet)
	})
}

// TestQuiet watches a job of which nothing comes for hours: a tick an interval.
func TestQuiet(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		w := watchJob(t, h, "a")
		elapse(3 * time.Second)
		_, before := s.count()
		elapse(2*time.Hour + time.Millisecond)
		if _, ticks := s.count(); ticks-before != 7200 {
			t.Errorf("%d ticks in 7200 s", ticks-before)
		}
		h.detach(w)
	})
}

// TestPoke gathers hints: a burst of them is a tick, at once.
func TestPoke(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		w := watchJob(t, h, "a")
		elapse(100 * time.Millisecond)
		_, before := s.count()
		s.write("a")
		for range 100 {
			h.poke()
		}
		synctest.Wait()
		if n := w.em.Next(); n != 1 {
			t.Errorf("the emitter has %d frames at once, want 1", n)
		}
		elapse(100 * time.Millisecond)
		if _, ticks := s.count(); ticks-before > 2 {
			t.Errorf("%d ticks for a burst of hints, want at most 2", ticks-before)
		}
		h.detach(w)
	})
}

// TestLinger ends a job: its emitter stays for the linger, without a query, and
// goes. A job that was started again gets another one.
func TestLinger(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		w := watchJob(t, h, "a")
		s.set("a", "completed")
		h.hint("a")
		settle()
		if end, ok := w.em.Ending(); !ok || end.State != "completed" {
			t.Errorf("after the job's end: %v, %v", end, ok)
		}
		h.detach(w)
		_, before := s.count()
		elapse(59 * time.Second)
		if late := watchJob(t, h, "a"); late != w {
			t.Error("within the linger there is another emitter")
		} else {
			h.detach(late)
		}
		if _, ticks := s.count(); ticks-before != 1 {
			t.Errorf("%d ticks, want the one for the late viewer", ticks-before)
		}
		s.set("a", "running")
		again := watchJob(t, h, "a")
		if again == w {
			t.Error("a job that runs again has the emitter of its end")
		}
		h.detach(again)
		s.set("b", "completed")
		h.detach(watchJob(t, h, "b"))
		elapse(time.Minute)
		synctest.Wait()
		if _, _, none := h.demand(); !none {
			t.Errorf("after the linger there are %v", h.watched)
		}
	})
}

// TestLeft has the last viewer leave: nothing holds the job's rows any more.
func TestLeft(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		w := watchJob(t, h, "a")
		s.write("a")
		h.hint("")
		settle()
		if w.em.Size() == 0 {
			t.Fatal("the row did not come")
		}
		em := weak.Make(w.em)
		h.detach(w)
		settle()
		for range 3 { // what is kept in a pool is gone after two
			runtime.GC()
		}
		if em.Value() != nil {
			t.Error("the emitter is still there")
		}
	})
}

// TestOutage has a store that fails for a while: few attempts, refusals at once
// meanwhile, and viewers that stay and get the rest.
func TestOutage(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		w := watchJob(t, h, "a")
		s.mu.Lock()
		s.fail = errors.New("gone")
		s.mu.Unlock()
		elapse(2 * time.Second)
		_, before := s.count()
		elapse(time.Minute)
		if _, ticks := s.count(); ticks-before < 12 || ticks-before > 20 {
			t.Errorf("%d attempts in a minute", ticks-before)
		}
		lookups, _ := s.count()
		for range 1000 {
			if _, _, err := h.lookup.job(t.Context(), joblog.Ask{ID: "b", AnyOwner: true}); !errors.Is(err, errStoreDown) {
				t.Fatalf("a lookup: %v", err)
			}
		}
		if after, _ := s.count(); after-lookups > 1 {
			t.Errorf("%d of 1000 lookups reached the store", after-lookups)
		}
		if h.health.well() {
			t.Error("the store is said to answer")
		}
		s.mu.Lock()
		s.fail = nil
		s.mu.Unlock()
		s.write("a")
		elapse(longestBackoff)
		synctest.Wait()
		if n := w.em.Next(); n != 1 || !h.health.well() {
			t.Errorf("after the outage there are %d frames", n)
		}
		h.detach(w)
	})
}

// TestLookups gathers what is asked while an answer is on its way.
func TestLookups(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		var viewers sync.WaitGroup
		for i := range 1000 {
			viewers.Go(func() {
				job := []string{"a", "b", "unknown"}[i%3]
				if _, ok, err := h.lookup.job(t.Context(), joblog.Ask{ID: job, AnyOwner: true}); ok != (job != "unknown") || err != nil {
					t.Errorf("%s: %v, %v", job, ok, err)
				}
			})
		}
		viewers.Wait()
		if lookups, _ := s.count(); lookups > 2 {
			t.Errorf("%d questions for 1000 viewers, want 2", lookups)
		}
	})
}

// TestRewound has a store that goes back in time.
func TestRewound(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		s.write("a")
		w := watchJob(t, h, "a")
		s.mu.Lock()
		s.rows, s.back = nil, true
		s.mu.Unlock()
		h.poke()
		settle()
		if end, ok := w.em.Ending(); !ok || !end.Rewound {
			t.Errorf("the emitter's end is %v, %v", end, ok)
		}
		h.detach(w)
		again := watchJob(t, h, "a")
		if again == w || h.Position().N != 0 {
			t.Errorf("afterwards the position is %s", h.Position())
		}
		h.detach(again)
	})
}

// TestRings bounds the memory of all rings together.
func TestRings(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		h.tunables.Store(&tunables{interval: time.Second, linger: time.Minute, heartbeat: time.Minute, history: 10_000})
		a, b := watchJob(t, h, "a"), watchJob(t, h, "b")
		for range 1000 {
			s.write("a")
			s.write("b")
		}
		elapse(time.Second)
		synctest.Wait()
		if size := a.em.Size() + b.em.Size(); size == 0 || size > 10_000 {
			t.Errorf("the rings have %d bytes, want at most 10000", size)
		}
		stream := joblog.NewStream(h, a.em, joblog.Options{Tail: -1})
		if got := drainStream(t, stream); got != 1000 {
			t.Errorf("a viewer got %d rows", got)
		}
		h.detach(a)
		h.detach(b)
	})
}

// drainStream pulls until there is nothing to pull, and counts the rows.
func drainStream(t *testing.T, s *joblog.Stream) int64 {
	t.Helper()
	for {
		_, state, err := s.Pull(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if slices.Contains([]joblog.State{joblog.Idle, joblog.Ended}, state) {
			return s.Rows()
		}
	}
}

// TestLogNamesStore has a store log something: there may be others in the config.
func TestLogNamesStore(t *testing.T) {
	inHub(t, func(t *testing.T, _ *table, h *hub) {
		second := *h.tunables.Load()
		second.name = "second"
		h.join(&second)
		var log bytes.Buffer
		slog.New(h.named(slog.NewTextHandler(&log, nil))).Warn("it does not answer")
		if want := "store=second"; !strings.Contains(log.String(), want) {
			t.Errorf("got %q, want %s in it", log.String(), want)
		}
	})
}
