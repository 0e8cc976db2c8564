package caddyjobs

import (
	"fmt"
	"runtime/debug"
)

// aside calls f in another goroutine, and returns when it has returned. The
// stack that f needs is then given back. A handler's own, which lives as long
// as its stream, never shrinks: the calls that lead to the handler fill more
// than half of the 8 KiB that are enough for one that waits, and sends.
func aside(f func()) {
	done := make(chan any)
	go func() {
		defer close(done)
		defer func() {
			if cause := recover(); cause != nil {
				done <- fmt.Sprintf("%v\n%s", cause, debug.Stack())
			}
		}()
		f()
	}()
	if cause := <-done; cause != nil {
		panic(cause) // who serves the request knows what to do
	}
}
