package caddyjobs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// table is a store in memory for tests of when the poller asks: their clock is
// that of a synctest bubble, which real databases cannot live in.
type table struct {
	mu    sync.Mutex
	rows  []joblog.Event
	state map[string]string
	fail  error
	once  error            // of the next lookup
	deny  map[string]error // of reads of these jobs
	back  bool             // the store went back in time

	writing bool // there are transactions that may have rows of before any end

	lookups, ticks, reads int
	asked                 []int // how many states each tick asked for
}

func (s *table) Key() string                    { return "table" }
func (s *table) Open(*slog.Logger) joblog.Store { return s }
func (s *table) Close() error                   { return nil }

func (s *table) Jobs(_ context.Context, asks []joblog.Ask) (map[joblog.Ask]joblog.Job, error) {
	elapse(time.Millisecond) // the time of an answer: until all others wait
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lookups++
	if err := s.once; err != nil {
		s.once = nil
		return nil, err
	}
	jobs := map[joblog.Ask]joblog.Job{}
	for _, ask := range asks {
		state, ok := s.state[ask.ID]
		job := joblog.Job{ID: ask.ID, State: state, Terminal: terminal(state)}
		if ok && ask.Allows(job) {
			jobs[ask] = job
		}
	}
	return jobs, s.fail
}

func terminal(state string) bool { return state == "completed" || state == "failed" }

func (s *table) Read(_ context.Context, q joblog.Query) (page joblog.Page, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reads++
	if err := s.deny[q.Job]; err != nil {
		return page, err
	}
	for _, e := range s.rows {
		if e.Job == q.Job && q.UpTo.Covers(e.ID) && !q.After.Covers(e.ID) {
			page.Events = append(page.Events, e)
		}
	}
	return page, s.fail
}

func (s *table) Tail(context.Context) (joblog.Tail, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &tableTail{s: s, at: int64(len(s.rows))}, s.fail
}

func (s *table) write(job string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rows = append(s.rows, joblog.Event{ID: int64(len(s.rows) + 1), Job: job, Message: "row"})
}

func (s *table) set(job, state string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state[job] = state
}

func (s *table) count() (lookups, ticks int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lookups, s.ticks
}

type tableTail struct {
	s  *table
	at int64
}

func (t *tableTail) Position() joblog.Cursor { return joblog.Cursor{N: t.at} }

func (t *tableTail) Next(_ context.Context, w joblog.Watch) (tick joblog.Tick, err error) {
	t.s.mu.Lock()
	defer t.s.mu.Unlock()
	t.s.ticks++
	t.s.asked = append(t.s.asked, len(w.Ask))
	if t.s.fail != nil {
		return tick, t.s.fail
	}
	if t.s.back {
		t.s.back = false
		return tick, joblog.ErrRewound
	}
	for _, e := range t.s.rows[t.at:] {
		if _, ok := w.Jobs[e.Job]; ok {
			tick.Events = append(tick.Events, e)
		}
	}
	tick.Ended, tick.Ending = map[string]string{}, map[string]string{}
	for _, job := range w.Ask {
		if state := t.s.state[job]; terminal(state) && t.s.writing {
			tick.Ending[job] = state
		} else if terminal(state) {
			tick.Ended[job] = state
		}
	}
	t.at = int64(len(t.s.rows))
	tick.Position = t.Position()
	return tick, nil
}
