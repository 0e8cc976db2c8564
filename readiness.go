package caddyjobs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

const (
	// checkEvery is how often a store is asked whether it answers, at most, that did
	// not the last time.
	checkEvery = time.Second
	// upFor is how long it is good for others that a store answers.
	upFor = 100 * time.Millisecond
	// pingTimeout bounds a check. It is what connecting may take.
	pingTimeout = 5 * time.Second
)

// checkup knows whether a store answers now, whether or not anybody watches.
// Those who want to know at the same time share the question. Nobody is told
// what was: who comes too early after a failure waits for the next question.
type checkup struct {
	ask  func() bool
	well func() bool  // a call has succeeded since one failed
	run  func(func()) // starts a goroutine
	life context.Context

	mu   sync.Mutex
	last *check // nil before the first
}

// check is a question, and its answer.
type check struct {
	began time.Time     // in the future, if it is too early
	done  chan struct{} // closed once up is set
	up    bool
}

// up reports whether the store answers. It does not if ctx ends first. A question
// that was on its way before counts only if it is answered.
func (c *checkup) up(ctx context.Context) bool {
	for came := time.Now(); ; {
		last := c.newest()
		select {
		case <-last.done:
			if last.up || !last.began.Before(came) {
				return last.up
			}
		case <-ctx.Done():
			return false
		}
	}
}

// newest is the check under way, or the last one if it is good, or a new one.
func (c *checkup) newest() *check {
	c.mu.Lock()
	defer c.mu.Unlock()
	next := &check{began: time.Now(), done: make(chan struct{})}
	if last := c.last; last != nil {
		switch {
		case !last.over() || last.up && time.Since(last.began) < upFor:
			return last
		case !last.up && !c.well():
			next.began = later(next.began, last.began.Add(checkEvery))
		}
	}
	c.last = next
	c.run(func() {
		defer close(next.done) // though it panics
		pause(c.life, time.Until(next.began))
		next.up = c.ask()
	})
	return next
}

func (c *check) over() bool {
	select {
	case <-c.done:
		return true
	default:
		return false
	}
}

// answers asks the store whether it answers. Before one is said not to that did,
// it is asked twice: what failed may have been an old connection.
func (h *hub) answers() bool {
	err := h.ping()
	if err != nil && h.health.well() && !errors.Is(err, context.DeadlineExceeded) {
		err = h.ping()
	}
	if h.life.Err() != nil {
		return false
	}
	if h.health.probe(err) {
		h.poke()
	}
	return err == nil
}

// ping asks for what is cheap to tell. A store that says that it cannot serve
// this answers, too.
func (h *hub) ping() (err error) {
	ctx, cancel := context.WithTimeout(h.life, pingTimeout)
	defer cancel()
	if s, ok := h.store.(joblog.Newester); ok {
		_, err = s.Newest(ctx)
	} else {
		_, err = h.store.Jobs(ctx, []joblog.Ask{{ID: "0", AnyOwner: true}}) // any id will do
	}
	if errors.Is(err, joblog.ErrUnserved) && ctx.Err() == nil {
		return nil
	}
	return err
}
