package caddyjobs

import (
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/parking"
)

const (
	// longestAnswer is how long a client may take for what is answered at once.
	longestAnswer = time.Minute
	// lingering is how long it is waited for what a client sends that nobody reads:
	// who is cut while it still sends may not hear the answer.
	lingering = 500 * time.Millisecond
	// cutAgain is after which time what was cut is cut again.
	cutAgain = 100 * time.Millisecond
	// briefly is how long a stream that is cut may take to be reset when the process
	// exits.
	briefly = 500 * time.Millisecond
)

// visit is a request in one of the handlers. It can be cut, whatever blocks it: a
// client that sends a body that never ends, or that takes nothing, holds neither
// its handler nor the exit. net/http and Caddy see to no such client before their
// timeouts, which may be none.
type visit struct {
	w     http.ResponseWriter
	r     *http.Request
	rc    *http.ResponseController
	inner *http.ResponseController // of the server's own writer: to set write deadlines Caddy's is for one goroutine only

	mu    sync.Mutex
	over  bool        // the handler has returned: neither must be used
	reset bool        // its writing was cut, once at least
	again *time.Timer // cuts again; nil unless it is cut
	until time.Time   // when its connection is closed, if that has not cut it over HTTP/2; zero unless its writing is cut
}

// arrive begins a visit, which leave ends.
func arrive(w http.ResponseWriter, r *http.Request) *visit {
	v := &visit{w: w, r: r, rc: http.NewResponseController(w), inner: http.NewResponseController(bare(w))}
	everyone.arrive(v)
	return v
}

func (v *visit) leave() {
	everyone.depart(v)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.over = true; v.again != nil {
		v.again.Stop()
	}
}

// bare is the server's own writer, below all wrappers.
func bare(w http.ResponseWriter) http.ResponseWriter {
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			return w
		}
		w = wrapper.Unwrap()
	}
}

// attend answers at once a request that has no body.
func attend(w http.ResponseWriter, r *http.Request, answer func(http.ResponseWriter) error) error {
	v := arrive(w, r)
	defer v.leave()
	if refused := v.bodiless(); refused != nil {
		return v.refuse(refused, joblog.Text)
	}
	return v.answer(answer)
}

// answer writes an answer, all of it: what is left to the server when the handler
// has returned cannot be cut.
func (v *visit) answer(write func(http.ResponseWriter) error) error {
	late := time.AfterFunc(longestAnswer, func() { v.cut(longestAnswer) })
	defer late.Stop()
	err := write(v.w)
	_ = v.rc.Flush() // that the client is gone is no concern of ours
	return err
}

// bodiless refuses a request that has a body, or does not end: whoever sends one
// with GET wants to hold the connection, or to smuggle something past a proxy.
func (v *visit) bodiless() *refusal {
	r := v.r
	if r.ContentLength == 0 && r.ProtoMajor == 1 || r.ContentLength <= 0 && r.ProtoMajor > 1 && v.ends() {
		return nil
	}
	v.hurry()
	if r.ProtoMajor == 1 {
		v.w.Header().Set("Connection", "close")
	}
	return badRequest("a request by " + r.Method + " has no body here; send it without one")
}

// ends reports whether a request that says nothing of the length of its body has
// none. Over HTTP/2 it does not have to be waited for; over HTTP/3 it may come a
// little later.
func (v *visit) ends() bool {
	if v.r.ProtoMajor == 2 && v.r.ContentLength < 0 {
		return false
	}
	late := time.AfterFunc(lingering, v.cutReading)
	defer late.Stop()
	n, err := v.r.Body.Read(make([]byte, 1))
	return n == 0 && err == io.EOF
}

// hurry bounds what the server does about a body that nobody has read, which is to
// read it.
func (v *visit) hurry() { _ = v.rc.SetReadDeadline(time.Now().Add(lingering)) }

// cut makes pending reads and writes of the request fail. Over HTTP/2 it resets the
// stream. A reset is itself a frame to be written: if the connection cannot write it
// within patience, the connection is closed, with all its streams.
func (v *visit) cut(patience time.Duration) {
	v.mu.Lock()
	defer v.mu.Unlock()
	first := v.until.IsZero()
	if until := time.Now().Add(patience); first || until.Before(v.until) {
		v.until = until
	}
	if first {
		v.expire()
	}
}

// cutReading makes all that the client has yet to send fail.
func (v *visit) cutReading() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.expire()
}

// expire sets deadlines that have passed, and sets them again until the handler
// returns: Caddy sets its own before each read and each write. The caller holds mu.
func (v *visit) expire() {
	if v.over {
		return
	}
	past := time.Unix(1, 0)
	_ = v.rc.SetReadDeadline(past) // a connection that is gone needs none
	if !v.until.IsZero() {
		v.cutWriting(past)
	}
	if v.again != nil {
		v.again.Stop()
	}
	v.again = time.AfterFunc(cutAgain, v.cutReading)
}

// cutWriting makes pending writes fail. One reset is enough: http2 closes a connection
// on which thousands of control frames are queued. The caller holds mu.
func (v *visit) cutWriting(past time.Time) {
	conn := parking.Connection(v.r.Context())
	switch {
	case v.r.ProtoMajor != 2 || !v.reset || conn == nil:
		v.reset = true
		_ = v.inner.SetWriteDeadline(past) // a connection that is gone needs none
	case !time.Now().Before(v.until):
		v.until = time.Now().Add(longestAnswer)
		go func() { _ = conn.Close() }() // TLS sends close_notify first, which may block
	}
}

// lift is liftTimeouts, for a client that may take nothing for as long as stall. To cut
// the request, which sets deadlines, comes before it or after.
func (v *visit) lift(stall time.Duration) (limit *lateDeadline, done func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return liftTimeouts(v.w, v.r, func() { v.cut(stall) })
}

// refuse answers with a refusal.
func (v *visit) refuse(e *refusal, format joblog.Format) error {
	metrics.refused(e)
	return v.answer(func(w http.ResponseWriter) error {
		e.write(w, v.r, format)
		return nil
	})
}
