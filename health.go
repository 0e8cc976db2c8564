package caddyjobs

import (
	"errors"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Waits between attempts to reach a store that does not answer.
const (
	firstBackoff   = 100 * time.Millisecond
	longestBackoff = 5 * time.Second
	noteEvery      = time.Minute // between two lines about calls that were not served
)

// health is whether a store answers. While it does not, it keeps attempts few,
// whoever wants to make them, and the log short.
type health struct {
	log *slog.Logger

	mu       sync.Mutex
	err      error     // of the last attempt; nil if the store answers
	failures int       // of calls, in a row, but for those that came while the tail rests
	gate     time.Time // until when calls are refused
	next     time.Time // when the tail may be read again
	noted    time.Time // when a single call's error was logged last
	unserved int       // reads of the tail, in a row
	fed      time.Time // when it may be read again, if that is why it may not
}

// refused is the error of the last attempt while it is too early for another
// one, else nil. A store that is back is found out within a second.
func (h *health) refused() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Now().Before(h.gate) {
		return h.err
	}
	return nil
}

// well reports whether the store answers.
func (h *health) well() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err == nil
}

// feeds reports whether what the store has reaches the streams.
func (h *health) feeds() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.err == nil && h.unserved == 0
}

// retryAt is when the tail may be read again; a time in the past, or the zero
// time, if now.
func (h *health) retryAt() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return later(h.next, h.fed)
}

// report takes the outcome of a call. It logs when the store stops or begins to
// answer, and nothing between. back is true if the store begins to.
func (h *health) report(err error) (back bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		return h.recover()
	}
	now := time.Now()
	if now.Before(h.gate) {
		return false // the call began before one that counted
	}
	h.fail(err)
	h.gate = now.Add(min(checkEvery, backoff(h.failures)))
	if !now.Before(h.next) {
		h.next = now.Add(backoff(h.failures))
		h.failures++
	}
	return false
}

// probe takes the outcome of a check. One that fails keeps no call from being
// made: it knows no more than the call would. After one that succeeds calls are
// made at once; if some had failed, they say themselves whether the store is back.
func (h *health) probe(err error) (back bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil {
		h.fail(err)
		return false
	}
	if h.failures == 0 {
		return h.recover()
	}
	h.gate, h.next = time.Time{}, time.Time{}
	return true
}

// fail says that the store does not answer. The caller holds mu.
func (h *health) fail(err error) {
	if what := ailment(err); h.err == nil || ailment(h.err) != what {
		h.log.Error(what+"; streams stay open, and it is tried again", "error", err)
	}
	h.err = err
}

// recover says that the store answers. The caller holds mu.
func (h *health) recover() (back bool) {
	if back = h.err != nil; back {
		h.log.Info("the store answers again", "failed_attempts", h.failures)
	}
	h.err, h.failures, h.gate, h.next = nil, 0, time.Time{}, time.Time{}
	return back
}

// feed takes the outcome of a read of the tail, by a store that answers.
func (h *health) feed(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		h.unserved = 0
		return
	}
	h.fed = time.Now().Add(backoff(h.unserved))
	h.unserved++
}

// ailment is what is wrong with a store, in words that stay the same while it is:
// a store that is not as configured says what is to be done.
func ailment(err error) string {
	if errors.Is(err, joblog.ErrMisconfigured) {
		return joblog.ErrMisconfigured.Error()
	}
	return "the store does not answer"
}

// note takes the error of a call that was not served though the store answers.
// It logs one now and then: whoever made the call tries again.
func (h *health) note(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Since(h.noted) >= noteEvery {
		h.noted = time.Now()
		h.log.Warn("the store answers, but could not serve a call; it is tried again", "error", err)
	}
}

// backoff is how long to wait after so many failures and one more.
func backoff(failures int) time.Duration {
	return jitter(min(longestBackoff, firstBackoff<<min(failures, 10)))
}

// jitter is a random duration from three quarters of d to d.
func jitter(d time.Duration) time.Duration {
	return d - rand.N(d/4+1)
}
