package caddyjobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// versioned is a table that tells versions of jobs, and finds rows again.
type versioned struct {
	*table
	version map[string]string
	owner   map[string]string
	gone    map[int64]bool // ids of rows
	fails   error          // of Find
	asks    [][]joblog.Ask
	finds   [][]joblog.Row
	reading func() // is called before each Read
}

func (s *versioned) Jobs(ctx context.Context, asks []joblog.Ask) (map[joblog.Ask]joblog.Job, error) {
	any := make([]joblog.Ask, len(asks))
	for i, ask := range asks {
		any[i] = joblog.Ask{ID: ask.ID, AnyOwner: true}
	}
	found, err := s.table.Jobs(ctx, any)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asks = append(s.asks, asks)
	jobs := map[joblog.Ask]joblog.Job{}
	for i, ask := range asks {
		job, ok := found[any[i]]
		job.Version, job.Owner = s.version[ask.ID], s.owner[ask.ID]
		if ok && ask.Allows(job) {
			jobs[ask] = job
		}
	}
	return jobs, err
}

func (s *versioned) Find(_ context.Context, rows []joblog.Row) (map[joblog.Row]joblog.Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.finds = append(s.finds, rows)
	found := map[joblog.Row]joblog.Event{}
	for _, r := range rows {
		if r.ID <= int64(len(s.rows)) && s.rows[r.ID-1].Job == r.Job && !s.gone[r.ID] {
			found[r] = s.rows[r.ID-1]
		}
	}
	return found, s.fails
}

func (s *versioned) Read(ctx context.Context, q joblog.Query) (joblog.Page, error) {
	if s.reading != nil {
		s.reading()
	}
	return s.table.Read(ctx, q)
}

// edit changes what the application has.
func (s *versioned) edit(do func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	do()
}

// inVersioned runs a test in a bubble, on a hub of jobs a, b and c.
func inVersioned(t *testing.T, test func(t *testing.T, s *versioned, h *hub)) {
	t.Helper()
	inHub(t, func(t *testing.T, s *table, h *hub) {
		v := &versioned{table: s, version: map[string]string{"a": "1", "b": "1", "c": "1"}, owner: map[string]string{}, gone: map[int64]bool{}}
		h.store = v
		h.shelf.keep(time.Minute)
		test(t, v, h)
	})
}

// replay is what who comes to a job gets of its log.
func replay(t *testing.T, h *hub, job string) string {
	t.Helper()
	w := watchJob(t, h, job)
	defer h.detach(w)
	return pullAll(t, w)
}

func pullAll(t *testing.T, w *watched) string {
	t.Helper()
	s := joblog.NewStream(asker{watched: w}, w.em, joblog.Options{Tail: -1})
	defer s.Close()
	var b []byte
	for state := joblog.More; state == joblog.More; {
		var err error
		if b, state, err = s.Pull(t.Context(), b); err != nil {
			t.Fatal(err)
		}
	}
	return string(b)
}

// TestCacheOnce has a thousand viewers replay a log whose job changes all the time:
// the log is read once for each change that one of them noticed.
func TestCacheOnce(t *testing.T) {
	for name, changes := range map[string]int{"": 0, " that changes": 5} {
		t.Run("a job"+name, func(t *testing.T) {
			inVersioned(t, func(t *testing.T, s *versioned, h *hub) {
				for range 100 {
					s.write("a")
				}
				first := watchJob(t, h, "a")
				for i := range changes + 1 {
					s.edit(func() { s.version["a"] = fmt.Sprint("changed ", i) })
					var viewers sync.WaitGroup
					for range 1000 / (changes + 1) {
						viewers.Go(func() {
							if got := replay(t, h, "a"); strings.Count(got, "event_id") != 100 {
								t.Errorf("it got %q", got)
							}
						})
					}
					viewers.Wait()
				}
				if s.reads > changes+1 {
					t.Errorf("%d reads", s.reads)
				}
				h.detach(first)
			})
		})
	}
}

// TestCacheAge edits and deletes rows of jobs that are watched, one of which has
// ended: who comes gets what was read a minute ago at most, and nothing is kept for
// longer, though nobody asks.
func TestCacheAge(t *testing.T) {
	for _, state := range []string{"running", "completed"} {
		t.Run(state, func(t *testing.T) {
			inVersioned(t, func(t *testing.T, s *versioned, h *hub) {
				h.tunables.Load().linger = time.Hour
				s.write("a")
				s.write("a")
				s.set("a", state)
				w := watchJob(t, h, "a")
				pullAll(t, w)
				elapse(30 * time.Second)
				s.edit(func() { s.rows[0].Message = "redacted" })
				if got := replay(t, h, "a"); strings.Contains(got, "redacted") || s.reads != 1 {
					t.Errorf("after 30 s: %d reads, %q", s.reads, got)
				}
				elapse(30 * time.Second)
				if got := replay(t, h, "a"); !strings.Contains(got, "redacted") || s.reads != 2 {
					t.Errorf("after a minute: %d reads, %q", s.reads, got)
				}
				elapse(time.Minute)
				synctest.Wait()
				if n := h.shelf.bytes(); n != 0 || len(h.shelf.jobs) > 0 {
					t.Errorf("%d bytes are kept", n)
				}
				h.detach(w)
			})
		})
	}
}

// TestCacheExtended has new rows added to what is kept of a log: that makes the
// older ones no younger.
func TestCacheExtended(t *testing.T) {
	inVersioned(t, func(t *testing.T, s *versioned, h *hub) {
		s.write("a")
		w := watchJob(t, h, "a")
		pullAll(t, w)
		s.edit(func() { s.rows[0].Message = "redacted" })
		for range 6 {
			s.write("a")
			elapse(9 * time.Second)
			replay(t, h, "a")
		}
		elapse(6 * time.Second)
		if got := replay(t, h, "a"); !strings.Contains(got, "redacted") {
			t.Errorf("after a minute: %q", got)
		}
		h.detach(w)
	})
}

// TestForgetWhileReading forgets a log while it is read: what is read is for those
// who wait for it, and not kept.
func TestForgetWhileReading(t *testing.T) {
	inVersioned(t, func(t *testing.T, s *versioned, h *hub) {
		s.write("a")
		w := watchJob(t, h, "a")
		begun, go_on := make(chan struct{}), make(chan struct{})
		s.reading = sync.OnceFunc(func() {
			close(begun)
			<-go_on
		})
		var viewer sync.WaitGroup
		viewer.Go(func() { pullAll(t, w) })
		<-begun
		h.clear(func(string) bool { return true })
		s.edit(func() { s.rows[0].Message = "redacted" })
		close(go_on)
		viewer.Wait()
		s.edit(func() { s.rows[0].Message = "redacted again" })
		if got := replay(t, h, "a"); !strings.Contains(got, "redacted again") {
			t.Errorf("who comes gets %q", got)
		}
		h.detach(w)
	})
}

// TestForgetAnswers forgets which jobs are recent, while that is asked, too.
func TestForgetAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, answer := 0, make(chan int)
		s := answers[string, int]{bound: 2, run: func(f func()) { go f() }, ask: func(string) (int, error) {
			asked++
			return <-answer, nil
		}}
		get := func(want int) {
			t.Helper()
			if n, err := s.get(t.Context(), "q"); n != want || err != nil {
				t.Errorf("it got %d, %v, want %d", n, err, want)
			}
		}
		var first sync.WaitGroup
		first.Go(func() { get(1) })
		synctest.Wait()
		s.clear()
		go func() { answer <- 1 }()
		first.Wait()
		go func() { answer <- 2 }()
		get(2)
		elapse(fresh / 2)
		get(2) // the end of the first one's time is not that of the second
		s.clear()
		go func() { answer <- 3 }()
		get(3)
		if asked != 3 {
			t.Errorf("asked %d times", asked)
		}
		elapse(2 * fresh)
	})
}

// TestOutdated has a job change between its lookup and its viewer's coming: it is
// looked up again.
func TestOutdated(t *testing.T) {
	find := func(t *testing.T, h *hub, owner string) finding {
		t.Helper()
		found, ok, err := h.lookup.job(t.Context(), joblog.Ask{ID: "a", Owner: owner})
		if !ok || err != nil {
			t.Fatal(ok, err)
		}
		return found
	}
	inVersioned(t, func(t *testing.T, s *versioned, h *hub) {
		give := func(owner, version string) {
			s.edit(func() { s.owner["a"], s.version["a"] = owner, version })
		}
		give("t1", "1")
		old := find(t, h, "t1")
		give("t2", "2")
		w, err := h.attach(t.Context(), find(t, h, "t2"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.attach(t.Context(), old); !errors.Is(err, errOutdated) {
			t.Errorf("who was let in before: %v", err)
		}
		give("t2", "3")
		changed := find(t, h, "t2") // the same owner's, of which there is no row
		give("t2", "4")
		find(t, h, "t2")
		if seat, err := h.attach(t.Context(), changed); err != nil || seat != w {
			t.Errorf("after a change that is none of its life: %v", err)
		} else {
			h.detach(seat)
		}
		h.detach(w)
		// And the other way round: who was let in before comes before.
		old = find(t, h, "t2")
		give("t1", "5")
		next := find(t, h, "t1")
		w, err = h.attach(t.Context(), old)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := h.attach(t.Context(), next); !errors.Is(err, errOutdated) {
			t.Errorf("who was let in later: %v", err)
		}
		seat, err := h.attach(t.Context(), find(t, h, "t1"))
		if err != nil {
			t.Error(err)
		}
		h.detach(seat)
		h.detach(w)
	})
}

// TestLives has the guard's question tell of changes of a job that is watched.
func TestLives(t *testing.T) {
	for name, c := range map[string]struct {
		change     func(s *versioned)
		over, kept bool
	}{
		"nothing":                    {func(*versioned) {}, false, true},
		"its row":                    {func(s *versioned) { s.version["a"] = "2" }, false, false},
		"its state":                  {func(s *versioned) { s.version["a"], s.state["a"] = "2", "paused" }, false, false},
		"its owner":                  {func(s *versioned) { s.version["a"], s.owner["a"] = "2", "t2" }, false, false},
		"its rows":                   {func(s *versioned) { s.gone[1], s.gone[2], s.gone[3] = true, true, true }, false, false},
		"old rows":                   {func(s *versioned) { s.gone[1], s.gone[2] = true, true }, false, true},
		"its row and old rows":       {func(s *versioned) { s.version["a"], s.gone[1], s.gone[2] = "2", true, true }, false, false},
		"its row and a text":         {func(s *versioned) { s.version["a"], s.rows[2].Message = "2", "redacted" }, false, false},
		"deleted":                    {func(s *versioned) { delete(s.state, "a") }, true, false},
		"made again":                 {func(s *versioned) { s.version["a"], s.gone[1], s.gone[2], s.gone[3] = "2", true, true, true }, true, false},
		"made again, with its ids":   {func(s *versioned) { s.version["a"], s.rows[0].Time, s.rows[2].Time = "2", 5, 5 }, true, false},
		"made again, rows not found": {func(s *versioned) { s.version["a"], s.fails = "2", errors.New("not now") }, false, false},
		"the store gone":             {func(s *versioned) { s.fail = errors.New("gone") }, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			inVersioned(t, func(t *testing.T, s *versioned, h *hub) {
				for range 3 {
					s.write("a")
				}
				w := watchJob(t, h, "a")
				pullAll(t, w)
				h.detach(watchJob(t, h, "a")) // what was seen is settled
				s.edit(func() { c.change(s) })
				_, _ = h.lookup.all(t.Context(), []joblog.Ask{{ID: "a", AnyOwner: true}})
				if over, kept := w.over.Load(), h.shelf.has(w); over != c.over || kept != c.kept {
					t.Errorf("it is over: %t, and its log is kept: %t", over, kept)
				}
				if _, watched := h.watched["a"]; watched == c.over {
					t.Errorf("it is watched: %t", watched)
				}
				s.edit(func() { s.fail = nil })
				h.detach(w)
			})
		})
	}
}
