package caddyjobs

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// checkEvery is how often a store is asked whether it answers, at most, whoever
// wants to know.
const checkEvery = time.Second

// checkup knows whether a store answers, whether or not anybody watches. Those
// who want to know at the same time share the question.
type checkup struct {
	ask func() bool
	run func(func()) // starts a goroutine

	mu   sync.Mutex
	last *check // nil before the first
}

// check is a question, and its answer.
type check struct {
	began time.Time
	done  chan struct{} // closed once up is set
	up    bool
}

// up reports whether the store answers. It does not if ctx ends first.
func (c *checkup) up(ctx context.Context) bool {
	last := c.newest()
	select {
	case <-last.done:
		return last.up
	case <-ctx.Done():
		return false
	}
}

// newest is the check under way, or the last one, or a new one if that is old.
func (c *checkup) newest() *check {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last != nil {
		select {
		case <-c.last.done:
		default:
			return c.last
		}
		if time.Since(c.last.began) < checkEvery {
			return c.last
		}
	}
	next := &check{began: time.Now(), done: make(chan struct{})}
	c.last = next
	c.run(func() {
		defer close(next.done) // though it panics
		next.up = c.ask()
	})
	return next
}

// answers asks the store for what is cheap to tell. It is not asked while its
// health says that it is too early.
func (h *hub) answers() bool {
	_, known, err := h.newest(h.life)
	if !known {
		_, _, err = h.lookup.job(h.life, joblog.Ask{ID: "0", AnyOwner: true}) // any id will do
	}
	return err == nil || errors.Is(err, joblog.ErrUnserved)
}
