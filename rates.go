package caddyjobs

import (
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rates keep each client to so many events a second.
type rates struct {
	limit int // 0: none

	mu      sync.Mutex
	clients map[any]*rate.Limiter // by user, or by network; those that did nothing for a second may be missing
}

// manyClients is from how many clients on those are forgotten that did nothing.
const manyClients = 1024

func newRates(limit int) *rates { return &rates{limit: limit, clients: map[any]*rate.Limiter{}} }

// tooFastError says that a client sends more than is taken, and for how long it
// is to wait.
type tooFastError struct{ limit, seconds int }

func (e *tooFastError) Error() string {
	return fmt.Sprintf("more than %d events a second; send them again in %d s, with an Idempotency-Key so that nothing is stored twice", e.limit, e.seconds)
}

// take counts events of a client. Many at once are taken when there were none
// for a second before. It may return a *tooFastError.
func (r *rates) take(c client, events int) error {
	if r.limit == 0 {
		return nil
	}
	events = min(events, r.limit)
	l := r.of(c)
	if l.AllowN(time.Now(), events) {
		return nil
	}
	wait := (float64(events) - l.Tokens()) / float64(r.limit)
	return &tooFastError{r.limit, max(1, int(math.Ceil(wait)))}
}

func (r *rates) of(c client) *rate.Limiter {
	r.mu.Lock()
	defer r.mu.Unlock()
	var key any = networkOf(c.address)
	if c.user != "" {
		key = c.user
	}
	if len(r.clients) >= manyClients && r.clients[key] == nil {
		r.forget()
	}
	if r.clients[key] == nil {
		r.clients[key] = rate.NewLimiter(rate.Limit(r.limit), r.limit)
	}
	return r.clients[key]
}

// forget drops the clients whose time begins anew anyway.
func (r *rates) forget() {
	for key, l := range r.clients {
		if l.Tokens() >= float64(r.limit) {
			delete(r.clients, key)
		}
	}
}
