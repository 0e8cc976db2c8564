package caddyjobs

import (
	"context"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

const (
	// clientRetry is how long a client is told to wait before it reconnects.
	clientRetry = 2 * time.Second
	// drainSpread is the time over which streams are ended when all are to end,
	// and over which their clients come back.
	drainSpread = 2 * time.Second
)

// viewer is one client's stream, and the goroutine that serves it.
type viewer struct {
	request
	hub       *hub
	job       joblog.Job
	w         http.ResponseWriter
	heartbeat time.Duration

	seat   *watched
	stream *joblog.Stream
	beat   *time.Timer
	drain  <-chan struct{}
	bye    <-chan time.Time // fires when it is this stream's turn to end
}

// serve serves the stream until it ends. It returns an error only if nothing
// was written: errStoreDown, or ctx's.
func (v *viewer) serve(ctx context.Context) error {
	v.drain = v.hub.draining()
	if err := v.begin(ctx); err != nil {
		return err
	}
	defer func() { v.leave() }()
	v.beat = time.NewTimer(v.heartbeat)
	defer v.beat.Stop()
	head := v.appendGap(v.opts.Format.AppendRetry(nil, clientRetry))
	state, err := joblog.More, error(nil)
	if v.resumed {
		head, state, err = v.first(ctx, head)
		if state == joblog.Ended && v.stream.Rows() == 0 {
			v.w.WriteHeader(http.StatusNoContent) // EventSource then stops for good
			return nil
		}
	}
	setStreamHeaders(v.w, v.opts.Format)
	v.w.WriteHeader(http.StatusOK)
	for ok := v.write(head); ok && v.next(ctx, state, err); {
		state, err, ok = v.pull(ctx)
	}
	return nil
}

// begin takes a seat at the job's emitter and checks the viewer's cursor
// against the store.
func (v *viewer) begin(ctx context.Context) (err error) {
	if v.seat, err = v.hub.attach(ctx, v.job); err != nil {
		return err
	}
	if after := v.opts.After.N; after > v.hub.Position().N {
		newest, ok, err := v.hub.newest(ctx)
		if err != nil {
			v.leave()
			return err
		}
		if ok && after > newest {
			v.gap = "the store does not have what the Last-Event-ID says; it went back in time, or is another one"
		}
	}
	if v.gap != "" {
		v.opts.After, v.resumed = joblog.Cursor{}, false
	}
	v.stream = joblog.NewStream(v.hub, v.seat.em, v.opts)
	return nil
}

func (v *viewer) leave() {
	if v.stream != nil {
		v.stream.Close()
	}
	if v.seat != nil {
		v.hub.detach(v.seat)
		v.seat = nil
	}
}

// first appends to b the first that is to be sent. The head of a response to
// a client that resumes depends on whether there is anything.
func (v *viewer) first(ctx context.Context, b []byte) ([]byte, joblog.State, error) {
	for head := len(b); ; {
		var state joblog.State
		var err error
		b, state, err = v.stream.Pull(ctx, b)
		if len(b) > head || state != joblog.More || err != nil {
			return b, state, err
		}
	}
}

// buffers are what chunks are put together in. A viewer that waits has none.
var buffers = sync.Pool{New: func() any { return new([]byte) }}

// largestBuffer is the capacity, in bytes, up to which a buffer is kept.
const largestBuffer = 256 << 10

// pull sends what comes next. ok is false if the client is gone.
func (v *viewer) pull(ctx context.Context) (state joblog.State, err error, ok bool) {
	buf := buffers.Get().(*[]byte)
	b, state, err := v.stream.Pull(ctx, (*buf)[:0])
	ok = len(b) == 0 || v.write(b)
	if cap(b) <= largestBuffer {
		*buf = b
		buffers.Put(buf)
	}
	return state, err, ok
}

// write sends b at once. It returns false if the client is gone.
func (v *viewer) write(b []byte) bool {
	if _, err := v.w.Write(b); err != nil {
		return false
	}
	v.beat.Reset(v.heartbeat)
	return http.NewResponseController(v.w).Flush() == nil
}

// next waits until there is something to pull, after a Pull that returned
// state and err. It returns false if the stream is over.
func (v *viewer) next(ctx context.Context, state joblog.State, err error) bool {
	switch {
	case err != nil:
		return v.wait(ctx, v.retry())
	case state == joblog.Ended:
		return false
	case state == joblog.Rewound:
		return v.restart(ctx)
	case state == joblog.Idle:
		return v.wait(ctx, v.stream.Wake())
	default:
		return v.wait(ctx, ready)
	}
}

// ready is a channel that needs no waiting.
var ready = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// restart begins the log anew on the same connection.
func (v *viewer) restart(ctx context.Context) bool {
	v.leave()
	v.opts.After, v.opts.Tail = joblog.Cursor{}, -1
	v.gap = "the store went back in time; the log follows as it now is"
	for v.begin(ctx) != nil {
		if !v.wait(ctx, v.retry()) {
			return false
		}
	}
	return v.write(v.appendGap(nil))
}

// appendGap tells, once, that the log begins anew, and takes the client's old
// cursor away.
func (v *viewer) appendGap(b []byte) []byte {
	if v.gap != "" {
		b = v.opts.Format.AppendNotice(b, joblog.Gap, v.gap, new(joblog.Cursor))
		v.gap = ""
	}
	return b
}

// retry returns a channel that is closed when the store may be tried again.
func (v *viewer) retry() <-chan struct{} {
	c := make(chan struct{})
	d := time.Until(v.hub.health.retryAt())
	time.AfterFunc(max(d, 0)+rand.N(firstBackoff), func() { close(c) })
	return c
}

// wait waits for wake, and meanwhile does what is to be done on a silent
// stream. It returns false if the stream is over.
func (v *viewer) wait(ctx context.Context, wake <-chan struct{}) bool {
	select {
	case <-wake:
		return true
	case <-v.beat.C:
		return v.write(v.opts.Format.AppendComment(nil, v.comment()))
	case <-v.drain:
		v.drain, v.bye = nil, time.After(rand.N(drainSpread))
		return true
	case <-v.bye:
		b := v.opts.Format.AppendRetry(nil, rand.N(drainSpread))
		v.write(v.opts.Format.AppendNotice(b, joblog.Bye, "", nil))
		return false
	case <-ctx.Done():
		return false
	}
}

// comment is what is said on a silent stream.
func (v *viewer) comment() string {
	if v.hub.health.well() {
		return ""
	}
	return "waiting"
}
