package parking

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// trap is a guest that panics where it is told to.
type trap struct {
	leaving
	resume     bool
	tick, gone atomic.Bool
}

func (g *trap) Tick(b []byte, _ time.Duration, _ bool) ([]byte, time.Duration, Reason) {
	if g.tick.Load() {
		panic("in a tick")
	}
	return b, time.Hour, ""
}

func (g *trap) Resume() {
	if g.resume {
		panic("in a resumed stream")
	}
}

func (g *trap) Gone(why Reason) {
	g.leaving.Gone(why)
	if g.gone.Load() {
		panic("in what follows the end")
	}
}

// bad is a store that panics when it is asked where it stands, as a stream does
// that falls behind.
type bad struct {
	empty
	armed atomic.Bool
}

func (b *bad) Position() joblog.Cursor {
	if b.armed.Load() {
		panic("in a stream")
	}
	return joblog.Cursor{}
}

// open is a live stream of an emitter of its own, whose client has all there is.
func open(t *testing.T, src joblog.Source) (em *joblog.Emitter, s *joblog.Stream, c *Conn, client net.Conn) {
	t.Helper()
	c, client = pair(t, false)
	em, s = live(src)
	return em, s, c, client
}

// live is a live stream of an emitter of its own.
func live(src joblog.Source) (em *joblog.Emitter, s *joblog.Stream) {
	em = joblog.NewEmitter("job")
	em.Open(joblog.Cursor{})
	s = joblog.NewStream(src, em, joblog.Options{Tail: -1})
	for state := joblog.More; state != joblog.Idle; {
		_, state, _ = s.Pull(context.Background(), nil)
	}
	return em, s
}

// TestPanics has one of two streams of a shard panic, in each way there is. It
// ends, its connection is closed, and the other one goes on.
func TestPanics(t *testing.T) {
	for name, trip := range map[string]func(*Lot, *trap, *bad, *joblog.Emitter){
		"tick": func(l *Lot, g *trap, _ *bad, _ *joblog.Emitter) { g.tick.Store(true); l.Sweep() },
		"gone": func(l *Lot, g *trap, _ *bad, _ *joblog.Emitter) { g.tick.Store(true); g.gone.Store(true); l.Sweep() },
		"stream": func(_ *Lot, _ *trap, b *bad, em *joblog.Emitter) {
			b.armed.Store(true)
			em.Append(joblog.Cursor{N: 1}, time.Now(), []joblog.Event{{ID: 1, Job: "job", Message: "one"}})
			em.Trim(0)
		},
		"resumed": nil,
	} {
		t.Run(name, func(t *testing.T) {
			told := make(chan string, 2)
			lot := NewLot(func(time.Duration) {}, func(cause string) { told <- cause })
			lot.shards = lot.shards[:1]
			good := leaving{why: make(chan Reason, 1)}
			em, stream, c, client := open(t, empty{})
			lot.Park(good, stream, c)
			guest, src := &trap{leaving: leaving{why: make(chan Reason, 1)}, resume: true}, new(bad)
			em2, stream2, c2, client2 := open(t, src)
			if trip == nil {
				lot.Run(guest, stream2, c2)
			} else {
				lot.Park(guest, stream2, c2)
				trip(lot, guest, src, em2)
			}
			if why := <-guest.why; why != Broken {
				t.Errorf("it ended as %q", why)
			}
			if cause := <-told; !strings.Contains(cause, "in a ") || !strings.Contains(cause, "rescue_linux_test.go") {
				t.Errorf("told was %q", cause)
			}
			if n, err := io.Copy(io.Discard, client2); n != 0 || err != nil {
				t.Errorf("its client reads %d bytes, %v", n, err)
			}
			em.Append(joblog.Cursor{N: 2}, time.Now(), []joblog.Event{{ID: 2, Job: "job", Message: "two"}})
			em.Complete("completed", joblog.Cursor{N: 2})
			if got, err := io.ReadAll(client); err != nil || !strings.HasSuffix(string(got), "completed\"}\n\n") {
				t.Errorf("the other one got %q, %v", got, err)
			}
			if why := <-good.why; why != Complete {
				t.Errorf("the other one ended as %q", why)
			}
			if n := lot.Counts().Parked; n != 0 {
				t.Errorf("%d are parked", n)
			}
			if name == "gone" {
				<-told
			}
		})
	}
}
