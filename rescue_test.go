package caddyjobs

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// panicky is a store that panics on one job's rows, and once in its tail.
type panicky struct {
	*table
	job   string
	times *atomic.Int64 // of its tail
}

func (s panicky) Read(ctx context.Context, q joblog.Query) (joblog.Page, error) {
	if q.Job == s.job {
		panic("on a row")
	}
	return s.table.Read(ctx, q)
}

func (s panicky) Jobs(ctx context.Context, asks []joblog.Ask) (map[joblog.Ask]joblog.Job, error) {
	for _, ask := range asks {
		if ask.ID == "cursed" {
			panic("on a job")
		}
	}
	return s.table.Jobs(ctx, asks)
}

func (s panicky) Tail(ctx context.Context) (joblog.Tail, error) {
	tail, err := s.table.Tail(ctx)
	return panickyTail{tail, s}, err
}

type panickyTail struct {
	joblog.Tail
	s panicky
}

func (t panickyTail) Next(ctx context.Context, w joblog.Watch) (joblog.Tick, error) {
	if t.s.times.Load() > 0 {
		t.s.times.Add(-1)
		panic("in the tail")
	}
	return t.Tail.Next(ctx, w)
}

// TestStorePanics has a store panic in each of its calls: each is an error of that
// call, and what is good goes on.
func TestStorePanics(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		s.write("a")
		s.write("b")
		var times atomic.Int64
		h.store = panicky{s, "a", &times}
		seat := watchJob(t, h, "b")
		if _, err := h.Read(t.Context(), joblog.Query{Job: "a", UpTo: h.Position()}); !errors.Is(err, errPanic) || !errors.Is(err, joblog.ErrUnserved) {
			t.Errorf("a page: %v", err)
		}
		if _, err := (asker{watched: &watched{hub: h, em: joblog.NewEmitter("a")}}).Sheet(t.Context(), "a", 0, 2); !errors.Is(err, errPanic) {
			t.Errorf("a sheet: %v", err)
		}
		if _, _, err := h.lookup.job(t.Context(), joblog.Ask{ID: "cursed", AnyOwner: true}); !errors.Is(err, errPanic) {
			t.Errorf("a lookup: %v", err)
		}
		if _, _, err := h.lookup.job(t.Context(), joblog.Ask{ID: "b", AnyOwner: true}); err != nil || !h.health.well() {
			t.Errorf("after all that: %v", err)
		}
		times.Store(3)
		s.write("b")
		for seat.em.Next() == 0 {
			elapse(time.Second)
		}
		if n := times.Load(); n != 0 {
			t.Errorf("the tail has %d panics left", n)
		}
		h.detach(seat)
	})
}

// TestRunPanics has what serves a stream in its handler panic.
func TestRunPanics(t *testing.T) {
	v := new(viewer)
	if out := v.runInHandler(func() outcome { panic("in a handler") }); v.reason(out) != "broken" {
		t.Errorf("the stream ended as %q", v.reason(out))
	}
}
