package parking

import (
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Guest is whose stream is parked. The lot calls Tick, from one goroutine at a
// time and only while it is parked; it must not block.
type Guest interface {
	// Tick is called when the guest is parked, after each time it asked for, and
	// when the lot is swept. It appends what is to be said to b, which may be
	// nothing, and says when it wants to be called next; silent is for how long
	// nothing was sent, and full is whether that is because the client takes no
	// more. If there is a reason, the stream ends with it: at once if nothing is
	// to be said.
	Tick(b []byte, silent time.Duration, full bool) (said []byte, next time.Duration, why Reason)
	// Resume is called in a goroutine of its own when the stream has left the
	// lot, with its connection, because it has something to do that may block.
	Resume()
	// Gone is called in a goroutine of its own when the stream has left the lot
	// for good and its connection is closed.
	Gone(why Reason)
}

// Reason is why a stream has ended.
type Reason string

// The reasons for which the lot ends a stream.
const (
	Complete Reason = "complete" // all was sent
	HungUp   Reason = "hung up"  // the client has gone
	Stalled  Reason = "stalled"  // the guest says that the client took nothing for too long
	Broken   Reason = "broken"   // serving it panicked
)

// Lot is where streams are parked. It has no goroutine while none is.
type Lot struct {
	shards []*shard
	next   atomic.Uint32
	parked atomic.Int64
	events atomic.Int64
	kept   atomic.Int64 // bytes that count, see weigh
	most   atomic.Int64 // of them
	passed func(time.Duration)
	broken func(cause string)
}

// NewLot makes a lot that uses all processors. passed is called whenever all of
// one emitter's streams in one shard were sent what it had, but those whose
// clients take no more: with the time since when that may have been visible.
// broken is called with what a stream panicked with, and its stack: that stream
// then ends, and no other.
func NewLot(passed func(delay time.Duration), broken func(cause string)) *Lot {
	l := &Lot{passed: passed, broken: broken}
	l.most.Store(math.MaxInt64)
	for range runtime.GOMAXPROCS(0) {
		l.shards = append(l.shards, &shard{lot: l, wake: make(chan struct{}, 1)})
	}
	return l
}

// plenty is how many bytes of what was to be written are kept for a client that
// takes nothing without their being counted: those of rows that are not large.
const plenty = 256 << 10

// Bound sets how many bytes beyond that are kept for all clients together. Who
// comes beyond it is cut, as Stalled.
func (l *Lot) Bound(bytes int64) { l.most.Store(bytes) }

// weigh counts what is kept for an entry, and reports whether that is too much.
func (l *Lot) weigh(e *entry) (much bool) {
	n := int64(max(e.conn.takes-plenty, 0))
	kept := l.kept.Add(n - e.kept)
	e.kept = n
	return n > 0 && kept > l.most.Load()
}

// Counts are figures of a lot.
type Counts struct {
	Parked int64 // streams that are
	Events int64 // that streams were sent while they were parked
	Bytes  int64 // that were sent on connections that were taken, in all lots
}

// Counts returns the figures as they are now.
func (l *Lot) Counts() Counts {
	return Counts{Parked: l.parked.Load(), Events: l.events.Load(), Bytes: written.Load()}
}

// Park takes a stream and its connection, which nobody else uses from now on.
// The stream is Live, or its client takes no more for now.
func (l *Lot) Park(g Guest, s *joblog.Stream, c *Conn) {
	l.park(&entry{guest: g, stream: s, conn: c})
}

func (l *Lot) park(e *entry) {
	l.parked.Add(1)
	l.shards[int(l.next.Add(1))%len(l.shards)].arrive(e)
}

// Run calls the guest's Resume in a goroutine, as after it was parked.
func (l *Lot) Run(g Guest, s *joblog.Stream, c *Conn) {
	go func() {
		defer l.rescue(func() { l.Abandon(g, s, c, Broken) })
		g.Resume()
	}()
}

// Finish ends a response and closes its connection, as soon as the client has
// taken what is left. Gone is then called.
func (l *Lot) Finish(g Guest, s *joblog.Stream, c *Conn, why Reason) {
	if full, err := c.end(); full && err == nil {
		l.park(&entry{guest: g, stream: s, conn: c, ending: true, why: why})
		return
	}
	l.Abandon(g, s, c, why)
}

// Abandon closes the connection of a response that is over, whatever is left.
// Gone is then called.
func (l *Lot) Abandon(g Guest, s *joblog.Stream, c *Conn, why Reason) {
	s.Close()
	go func() {
		defer l.rescue(func() {})
		defer g.Gone(why)
		c.close(why != HungUp && why != Broken)
	}()
}

// Sweep makes the lot call Tick of all guests soon.
func (l *Lot) Sweep() {
	for _, s := range l.shards {
		s.sweep()
	}
}

// entry is a stream that is parked.
type entry struct {
	guest  Guest // nil once it has left
	stream *joblog.Stream
	conn   *Conn
	group  *group
	at     int    // in the group
	id     int32  // by which the watcher knows it
	full   bool   // the client takes no more for now
	kept   int64  // for it, as weigh counts it
	ending bool   // all that is left to do is to send conn's rest
	why    Reason // of the end
	wrote  time.Time

	set     uint32    // how often its timer was
	limited bool      // due is when it ends, whatever is left
	due     time.Time // of the next Tick
}
