package caddyjobs

import (
	"fmt"
	"maps"
	"math"
	"sync"
	"time"
)

// rates keep each client to so many events a second: each has to wait until
// those are paid for that it was let send, of which a second's worth is free
// after a second's rest. A request may have more than that, within atOnce: it is
// taken, and the client then waits for longer.
type rates struct {
	limit int // 0: none

	mu      sync.Mutex
	paid    map[any]time.Time // when all is, by user or by network; those that rested for a second may be missing
	cleared time.Time         // when those were last left out
}

// atOnce is how many events a request may have however low the limit is. All who
// share the client's address wait until they are paid for.
const atOnce = 1000

// manyClients is from how many clients on those are forgotten that rested.
const manyClients = 1024

func newRates(limit int) *rates { return &rates{limit: limit, paid: map[any]time.Time{}} }

// tooFastError says that a client sends more than is taken, and for how long it
// is to wait.
type tooFastError struct{ limit, seconds int }

func (e *tooFastError) Error() string {
	return fmt.Sprintf("more than %d events a second; send them again in %d s, with an Idempotency-Key so that nothing is stored twice", e.limit, e.seconds)
}

// take counts events of a client. Its errors are a *tooFastError, and errTooLarge
// for what no waiting would make good.
func (r *rates) take(c client, events int) error {
	if r.limit == 0 {
		return nil
	}
	if most := max(r.limit, atOnce); events > most {
		return fmt.Errorf("%w: at a rate of %d events a second a request has %d at most; send fewer at a time", errTooLarge, r.limit, most)
	}
	var key any = networkOf(c.address)
	if c.user != "" {
		key = c.user
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.forget(now)
	paid := r.paid[key]
	if rested := now.Add(-time.Second); paid.Before(rested) {
		paid = rested
	}
	if wait := paid.Add(r.price(min(events, r.limit))).Sub(now); wait > 0 {
		return &tooFastError{r.limit, int(math.Ceil(wait.Seconds()))}
	}
	r.paid[key] = paid.Add(r.price(events))
	return nil
}

// price is the time for so many events.
func (r *rates) price(events int) time.Duration {
	return time.Duration(float64(events) / float64(r.limit) * float64(time.Second))
}

// forget drops, where there are many, the clients that rested. It does so once a
// second at most: to look at all of them takes time.
func (r *rates) forget(now time.Time) {
	if len(r.paid) < manyClients || now.Sub(r.cleared) < time.Second {
		return
	}
	r.cleared = now
	maps.DeleteFunc(r.paid, func(_ any, paid time.Time) bool { return now.Sub(paid) >= time.Second })
}
