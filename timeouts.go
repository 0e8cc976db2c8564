package caddyjobs

import (
	"net/http"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// liftTimeouts removes the limits that the server sets to how long a whole
// request or response may take: a stream takes as long as its job. The request
// must have no body that is yet to be read, which could then take for ever. What stays
// is the limit to how long one write may stall, and ours, that is returned: cut is
// called when one has passed. done is to be called when the handler returns. Nobody may
// cut the request meanwhile.
func liftTimeouts(w http.ResponseWriter, r *http.Request, cut func()) (limit *lateDeadline, done func()) {
	reader, writer := caddyhttp.IdleTimeoutsFromContext(r.Context())
	if reader != nil {
		reader.Deadline.HardDeadline = time.Time{}
	}
	if writer != nil {
		writer.Deadline.HardDeadline = time.Time{}
	}
	// Not every ResponseWriter has deadlines; one that has none needs no lifting.
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Time{})
	_ = rc.SetWriteDeadline(time.Time{})
	limit = newLateDeadline(w, rc, cut)
	if writer == nil || !writer.ClearBetweenWrites {
		return limit, limit.stop
	}
	caddys := newLateDeadline(writer.ResponseWriter, writer.Ctrl, cut)
	writer.Ctrl = http.NewResponseController(caddys)
	return limit, func() {
		limit.stop()
		caddys.stop()
		writer.Ctrl = caddys.rc
	}
}

// lateDeadline is a write deadline that is set only once it has passed.
//
// Caddy sets one before each write and each flush, and clears it after them.
// On HTTP/2 each of these four is a message to the goroutine of the connection,
// and costs about what the event itself does. A write that ends just after its
// deadline may be let pass.
type lateDeadline struct {
	http.ResponseWriter                          // which http.ResponseController wants
	rc                  *http.ResponseController // where the deadline is set
	cut                 func()                   // makes what is written fail, when it has passed

	mu    sync.Mutex
	at    time.Time // zero while nothing is written
	check *time.Timer
	fires time.Time // zero if check is not running
	over  bool      // the handler has returned: rc must not be used
}

func newLateDeadline(w http.ResponseWriter, rc *http.ResponseController, cut func()) *lateDeadline {
	d := &lateDeadline{ResponseWriter: w, rc: rc, cut: cut}
	d.check = time.AfterFunc(time.Hour, d.passed)
	d.check.Stop()
	return d
}

// SetWriteDeadline does what http.ResponseController says.
func (d *lateDeadline) SetWriteDeadline(at time.Time) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.at = at; !at.IsZero() && (d.fires.IsZero() || at.Before(d.fires)) {
		d.start()
	}
	return nil
}

func (d *lateDeadline) start() {
	d.fires = d.at
	d.check.Reset(time.Until(d.at))
}

// passed looks whether the deadline that there is by now has passed.
func (d *lateDeadline) passed() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fires = time.Time{}
	switch {
	case d.over || d.at.IsZero():
	case time.Now().Before(d.at):
		d.start()
	default:
		d.cut()
	}
}

func (d *lateDeadline) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.over = true
	d.check.Stop()
	if !d.at.IsZero() {
		_ = d.rc.SetWriteDeadline(d.at) // for what the server has yet to write
	}
}
