package caddyjobs

import (
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"
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
	err      error // of the last attempt; nil if the store answers
	failures int   // in a row
	next     time.Time
	noted    time.Time // when a single call's error was logged last
}

// refused is the error of the last attempt while it is too early for another
// one, else nil.
func (h *health) refused() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if time.Now().Before(h.next) {
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

// retryAt is when the next attempt may be made; a time in the past, or the
// zero time, if now.
func (h *health) retryAt() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.next
}

// report takes the outcome of an attempt. It logs when the store stops or
// begins to answer, and nothing between.
func (h *health) report(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err == nil {
		if h.err != nil {
			h.log.Info("the store answers again", "failed_attempts", h.failures)
		}
		h.err, h.failures, h.next = nil, 0, time.Time{}
		return
	}
	if time.Now().Before(h.next) {
		return // an attempt that began before one that counted
	}
	if h.err == nil {
		h.log.Error("the store does not answer; streams stay open, and it is tried again", "error", err)
	}
	h.err = err
	h.next = time.Now().Add(backoff(h.failures))
	h.failures++
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
