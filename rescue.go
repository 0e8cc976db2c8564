package caddyjobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// A panic ends the stream or the call that it is in, whoever's fault it is: a row
// that nobody thought of must not end the process, which it would again after
// each start. This is where panics are caught that net/http does not see.

// errPanic is what a call panicked with. The store answers, but not this call.
var errPanic = fmt.Errorf("%w: the call panicked", joblog.ErrUnserved)

// rescued calls f. If it panics, that is logged, and an error.
func rescued(f func() error) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("%w: %v", errPanic, cause)
			broke(fmt.Sprintf("%v\n%s", cause, debug.Stack()))
		}
	}()
	return f()
}

// broke logs what something panicked with, and its stack.
func broke(cause string) {
	slog.New(logHandler{}).Error("a panic ended a stream or a call, and nothing else; please report it", "cause", cause)
}

// run starts a goroutine of the hub's, whose panics are logged.
func (h *hub) run(f func()) {
	h.work.Go(func() {
		_ = rescued(func() error { // which logs it
			f()
			return nil
		})
	})
}

// keep starts a goroutine of the hub's that goes on until its life ends: if it
// panics, it begins anew.
func (h *hub) keep(f func(context.Context)) {
	h.work.Go(func() {
		for failures := 0; h.life.Err() == nil; failures++ {
			err := rescued(func() error {
				f(h.life)
				return nil
			})
			if errors.Is(err, errPanic) {
				pause(h.life, backoff(failures))
			}
		}
	})
}
