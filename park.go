package caddyjobs

import (
	"net/http"
	"sync"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/parking"
)

// lot is where the process's streams are parked, of whatever config they are.
var lot = sync.OnceValue(func() *parking.Lot { return parking.NewLot(flushed, broke) })

// detached counts the streams that have left their handlers: the server that
// is to exit does not know them.
var detached census

// firstPart is how much of a log its handler sends, in bytes: the whole of a
// short one, whose connection can then be used again. A longer one goes on
// without the handler, which a slow client would keep for long.
const firstPart = 64 << 10

// parks returns what run asks in a handler: whether the stream can go on
// without it. If so, it has the connection.
func (v *viewer) parks(w http.ResponseWriter, r *http.Request) func(joblog.State) bool {
	able := v.parking && r.ProtoMajor == 1 // others share their connection
	return func(state joblog.State) bool {
		if !able || state != joblog.Idle && v.sent.Load() < firstPart {
			return false
		}
		able = false
		conn, err := parking.Take(w, r)
		if err != nil {
			v.hub.log.Debug("a stream keeps its goroutine", "job", v.job.ID, "reason", err)
			return false
		}
		v.conn, v.out = conn, conn
		v.wire.Store(conn)
		return true
	}
}

// detach lets a stream go on without its handler, which touches it no more.
func (v *viewer) detach() {
	detached.add(1)
	if v.stream.Live() {
		lot().Park(v, v.stream, v.conn)
	} else {
		lot().Run(v, v.stream, v.conn)
	}
}

// Resume goes on with a parked stream that has something to do. It ends when
// the stream is parked again, or over.
func (v *viewer) Resume() {
	park := func(state joblog.State) bool { return v.full || state == joblog.Idle }
	switch out := v.run(v.hub.life, room(), joblog.More, nil, park); out {
	case parked:
		v.stream.Drop()
		lot().Park(v, v.stream, v.conn)
	case hungUp:
		lot().Abandon(v, v.stream, v.conn, parking.HungUp)
	default:
		lot().Finish(v, v.stream, v.conn, v.reason(out))
	}
}

// Gone gives back what a parked stream held.
func (v *viewer) Gone(why parking.Reason) {
	defer detached.add(-1)
	defer v.hub.release()
	defer everyone.leave(v)
	v.finish(why)
}

// census counts, and tells when there is none left.
type census struct {
	mu    sync.Mutex
	n     int
	empty chan struct{} // closed when n is 0; nil if nobody waits for it
}

func (c *census) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n += n; c.n == 0 && c.empty != nil {
		close(c.empty)
		c.empty = nil
	}
}

// none returns a channel that is closed when there is none left.
func (c *census) none() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == 0 {
		return ready
	}
	if c.empty == nil {
		c.empty = make(chan struct{})
	}
	return c.empty
}
