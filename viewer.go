package caddyjobs

import (
	"cmp"
	"context"
	"errors"
	"math/rand/v2"
	"net/http"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/parking"
)

// clientRetry is how long a client is told to wait before it reconnects.
const clientRetry = 2 * time.Second

// viewer is one client's stream. A goroutine serves it while it has something
// to do that may block; it may be parked while it has not.
type viewer struct {
	request
	client
	hub       *hub
	job       joblog.Job
	found     finding // the job, when it was let in; of no number if it is to be looked up again
	heartbeat time.Duration
	stall     time.Duration // for which its client may take nothing
	parking   bool          // it may be parked
	spans     *spans        // of the request; nil once it is replayed, or if it is not traced

	number  uint64 // by which the roster knows it
	settled bool   // it counts among those of its user and job; the roster's
	begun   time.Time
	sent    atomic.Int64                  // bytes, by the handler
	shown   atomic.Pointer[joblog.Stream] // stream, for others to look at
	wire    atomic.Pointer[parking.Conn]  // conn, likewise
	permit  atomic.Pointer[permit]
	told    atomic.Pointer[ending] // that it is to end
	cut     atomic.Pointer[func()] // ends it if something blocks it, while it has a handler

	out     output
	full    bool // the client takes no more for now
	shed    shed
	conn    *parking.Conn
	seat    atomic.Pointer[watched]
	stream  *joblog.Stream
	beat    *time.Timer
	due     chan struct{} // the beat may be due
	quiet   bool          // it may be; who called wait sees to it, where the stack is lower
	wrote   time.Time
	gone    <-chan struct{} // closed when the client is; kept, as to ask a request's context is slow
	summons <-chan struct{} // closed when the stream may be to end
	why     parking.Reason  // it ends, if that is known before it has

	failures int // of calls of the store, in a row
}

// serve begins the stream. over is true if it has ended, too; else it was
// parked, and the handler is to return and to leave the hub to it. An error,
// errStoreDown or ctx's, is returned only if nothing was written.
func (v *viewer) serve(ctx context.Context, w http.ResponseWriter, r *http.Request, limit *lateDeadline) (over bool, err error) {
	v.out = response{w, v, limit}
	aside(func() { err = v.begin(ctx) })
	if err != nil {
		return true, err
	}
	head := v.opts.Format.AppendRetry(room(), clientRetry)
	if v.state {
		head = v.opts.Format.AppendState(head, v.job.State)
	}
	head = v.appendGap(head)
	state, err := joblog.More, error(nil)
	if v.opts.Told != 0 {
		head, state, err = v.first(ctx, head)
		if v.stream.Knew() {
			v.leave()
			stop(w)
			return true, nil
		}
	}
	setStreamHeaders(w, v.opts.Format)
	w.WriteHeader(http.StatusOK)
	v.start()
	out := v.runInHandler(func() outcome { return v.run(ctx, head, state, err, v.replaying(v.parks(w, r))) })
	v.replayed()
	if out == parked {
		v.detach()
		return false, nil
	}
	v.finish(v.reason(out))
	if out == broken {
		panic(http.ErrAbortHandler) // the client must not take it for the end
	}
	return true, nil
}

// runInHandler calls run. What it panics with is logged here, so that the stream is
// accounted for.
func (v *viewer) runInHandler(run func() outcome) (out outcome) {
	out = broken
	_ = rescued(func() error {
		out = run()
		return nil
	})
	return out
}

// outcome is why run returned.
type outcome uint8

const (
	ended  outcome = iota // all was sent
	hungUp                // the client is gone
	said                  // the client was told to come again
	parked                // there is nothing to do for now
	broken                // serving it panicked
)

func (v *viewer) reason(out outcome) parking.Reason {
	switch out {
	case ended:
		return parking.Complete
	case said:
		return v.why
	case broken:
		return parking.Broken
	}
	if e := v.ends(); e != nil && !time.Now().Before(e.at) {
		return e.why // it was cut, as it did not take that
	}
	return cmp.Or(v.why, parking.HungUp)
}

// run sends b and what follows until there is nothing to do for now, or the
// stream is over. park is asked whether it may be parked.
func (v *viewer) run(ctx context.Context, b []byte, state joblog.State, err error, park func(joblog.State) bool) outcome {
	v.gone, v.summons = ctx.Done(), v.hub.summoned()
	v.startBeat()
	v.quiet = true // it may have been summoned before
	defer func() {
		v.beat.Stop()
		v.beat, v.due, v.gone, v.summons = nil, nil, nil, nil
	}()
	for ok := v.write(b); ok; {
		if err == nil && state == joblog.Ended {
			return ended
		}
		if park(state) {
			return parked
		}
		if out, goes := v.next(ctx, state, err); !goes {
			return out
		}
		if out, goes := v.attend(); !goes {
			return out
		}
		if v.full {
			continue
		}
		state, err, ok = v.pull(ctx)
	}
	return hungUp
}

// stop answers that there is nothing more: EventSource then stops for good.
func stop(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

// first appends to b the first that is to be sent. The head of a response to
// a client that was told the end depends on whether there is a row. Ids alone may
// come before that; if there are many it is not waited for.
func (v *viewer) first(ctx context.Context, b []byte) ([]byte, joblog.State, error) {
	defer func() { metrics.events.Add(v.stream.Rows()) }()
	const many = 256 // bytes
	for head := len(b); ; {
		var state joblog.State
		var err error
		b, state, err = v.take(ctx, b)
		v.note(err)
		if v.stream.Rows() > 0 || len(b) > head+many || state != joblog.More || err != nil {
			return b, state, err
		}
	}
}

// pull sends what comes next. ok is false if the client is gone.
func (v *viewer) pull(ctx context.Context) (state joblog.State, err error, ok bool) {
	kept, largest := &buffers, largestBuffer
	if v.opts.Unit > 0 {
		kept, largest = &smallBuffers, plenty
	}
	buf := kept.Get().(*[]byte)
	before := v.stream.Rows()
	b, state, err := v.take(ctx, (*buf)[:joblog.ChunkRoom])
	metrics.events.Add(v.stream.Rows() - before)
	v.note(err)
	ok = len(b) == joblog.ChunkRoom || v.write(b)
	if !v.stream.Live() {
		runtime.Gosched() // live rows come first, and there may be one processor
	}
	if since := v.stream.Since(); ok && !v.full && !since.IsZero() {
		flushed(time.Since(since))
	}
	if cap(b) <= largest {
		*buf = b
		kept.Put(buf)
	}
	return state, err, ok
}

// take is the stream's Pull. In a handler, what reads the store is done aside.
func (v *viewer) take(ctx context.Context, b []byte) ([]byte, joblog.State, error) {
	if v.conn != nil || v.stream.Live() {
		return v.stream.Pull(ctx, b)
	}
	return v.takeAside(ctx, b)
}

func (v *viewer) takeAside(ctx context.Context, b []byte) (_ []byte, state joblog.State, err error) {
	aside(func() { b, state, err = v.stream.Pull(ctx, b) })
	return b, state, err
}

// note takes the outcome of a Pull.
func (v *viewer) note(err error) {
	if err == nil {
		v.failures = 0
	} else {
		v.failures++
	}
}

// write sends b at once. It returns false if the client is gone.
func (v *viewer) write(b []byte) bool {
	var err error
	v.full, err = v.out.Send(b)
	v.wrote = time.Now()
	return err == nil
}

// next waits until there is something to pull, after a Pull that returned
// state and err. It returns false if the stream is over, and why.
func (v *viewer) next(ctx context.Context, state joblog.State, err error) (outcome, bool) {
	switch {
	case err != nil:
		return v.wait(v.retry())
	case state == joblog.Rewound:
		return v.restart(ctx)
	case state == joblog.Idle:
		return v.wait(v.stream.Wake())
	default:
		return v.wait(ready)
	}
}

// ready is a channel that needs no waiting.
var ready = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// restart begins the log anew on the same connection.
func (v *viewer) restart(ctx context.Context) (outcome, bool) {
	v.leave()
	v.found = finding{}
	v.opts.After, v.opts.Told, v.opts.Tail = joblog.Cursor{}, 0, -1
	v.gap = "the store went back in time; the log follows as it now is"
	for err := v.begin(ctx); err != nil; err = v.begin(ctx) {
		if errors.Is(err, errNotFound) {
			v.end(vanished, time.Now())
			v.quiet = true // so that it ends
		}
		if out, goes := v.wait(v.retry()); !goes {
			return out, false
		}
		if out, goes := v.attend(); !goes {
			return out, false
		}
	}
	return hungUp, v.write(v.appendGap(room()))
}

// appendGap tells, once, that the log begins anew, and takes the client's old
// cursor away.
func (v *viewer) appendGap(b []byte) []byte {
	if v.gap != "" {
		metrics.gaps.Inc()
		b = v.opts.Format.AppendNotice(b, joblog.Gap, v.gap, new(joblog.Cursor))
		v.gap = ""
	}
	return b
}

// retry returns a channel that is closed when the store may be tried again. If
// it answers, but not this viewer, the viewer waits by itself.
func (v *viewer) retry() <-chan struct{} {
	c := make(chan struct{})
	d := time.Until(v.hub.health.retryAt())
	if v.failures > 1 && v.hub.health.well() {
		d = backoff(v.failures - 1)
	}
	time.AfterFunc(max(d, 0)+rand.N(firstBackoff), func() { close(c) })
	return c
}

// comment is what is said on a silent stream.
func (v *viewer) comment() string {
	if v.failures == 0 && v.hub.health.feeds() {
		return ""
	}
	return "waiting"
}
