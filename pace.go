package caddyjobs

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Bounds of how many pages of logs are read from one store at a time, and how that
// changes. Below 1 it is the part of the time in which one is read.
const (
	widest   = 8 // unless the store says less
	narrow   = 1. / 4
	widening = 1. / 4                 // a second, while ticks are about as fast as without reads
	settling = 100 * time.Millisecond // after narrowing, to see what comes of it
	endless  = 4                      // times most: the bound of all pages, including slow ones without a turn
)

const (
	// longestTurn is how long a page waits for its turn.
	longestTurn = 5 * time.Second
	// longestPage is how long a page holds its turn: other clients do not wait for one
	// that takes longer.
	longestPage = time.Second
)

// pace keeps replays of long logs from slowing down live viewers. The latency of ticks
// shows how fast the store answers. While it is much higher beside reads than without,
// fewer and fewer pages are read at a time, at last one with pauses. The networks of
// waiting clients take turns.
type pace struct {
	mu      sync.Mutex
	most    float64 // of window
	window  float64 // pages at a time, at most
	changed time.Time
	speed   speed

	turns   int // that are taken, and have not ended
	pages   int // that are being read, whether their turns have ended or not
	rest    *time.Timer
	resting bool // no page is begun until rest fires
	waiting map[netip.Prefix][]chan struct{}
	order   []netip.Prefix // of those in waiting, the one whose turn is next first
}

func newPace(s joblog.Store) *pace {
	most := widest
	if s, ok := s.(joblog.Paced); ok {
		most = s.Pages()
	}
	p := &pace{most: float64(most), window: float64(most), waiting: map[netip.Prefix][]chan struct{}{}}
	p.rest = time.AfterFunc(time.Hour, p.rested)
	p.rest.Stop()
	return p
}

// stop ends the pauses. Nobody reads any more.
func (p *pace) stop() { p.rest.Stop() }

// take waits for a client's turn to read a page; done is to be called when that was
// read. Its errors are joblog.ErrUnserved, and ctx's.
func (p *pace) take(ctx context.Context, from netip.Prefix) (done func(), err error) {
	turn := p.queue(from)
	patience := time.NewTimer(longestTurn)
	defer patience.Stop()
	select {
	case <-turn:
		return p.begin(), nil
	case <-patience.C:
		err = fmt.Errorf("%w: others have read logs for %s", joblog.ErrUnserved, longestTurn)
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.abandon(from, turn)
	return nil, err
}

// begin begins a page, whose turn ends with it, or when it takes too long.
func (p *pace) begin() (done func()) {
	begun := time.Now()
	end := sync.OnceFunc(func() { p.endTurn(time.Since(begun)) })
	late := time.AfterFunc(longestPage, end)
	return func() {
		late.Stop()
		p.mu.Lock()
		p.pages--
		p.speed.read = time.Now()
		p.mu.Unlock()
		end()
	}
}

// queue returns a channel that is closed when it is the client's turn.
func (p *pace) queue(from netip.Prefix) (turn chan struct{}) {
	turn = make(chan struct{})
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.waiting[from] = append(p.waiting[from], turn); len(p.waiting[from]) == 1 {
		p.order = append(p.order, from)
	}
	p.serve()
	return turn
}

// abandon gives a turn back, whether it has come or not.
func (p *pace) abandon(from netip.Prefix, turn chan struct{}) {
	p.mu.Lock()
	i := slices.Index(p.waiting[from], turn)
	if i >= 0 {
		p.leave(from, i)
	} else {
		p.pages--
	}
	p.mu.Unlock()
	if i < 0 {
		p.endTurn(0)
	}
}

// leave removes a turn from the queue of a network. The caller holds mu.
func (p *pace) leave(from netip.Prefix, i int) {
	if p.waiting[from] = slices.Delete(p.waiting[from], i, i+1); len(p.waiting[from]) == 0 {
		delete(p.waiting, from)
		p.order = slices.DeleteFunc(p.order, func(o netip.Prefix) bool { return o == from })
	}
}

// serve begins as many turns as there may be. The caller holds mu.
func (p *pace) serve() {
	const silence = 2 * time.Second // without ticks: nobody watches live
	if time.Since(p.changed) > silence {
		p.widen()
	}
	for len(p.order) > 0 && !p.resting && p.turns < max(1, int(p.window)) && p.pages < endless*int(p.most) {
		from := p.order[0]
		p.order = append(p.order[1:], from)
		p.turns++
		p.pages++
		close(p.waiting[from][0])
		p.leave(from, 0)
	}
}

// endTurn ends a turn that took so long.
func (p *pace) endTurn(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.turns--; p.window < 1 {
		p.pause(time.Duration(float64(took) * (1/p.window - 1)))
	}
	p.serve()
}

// pause has no page begin for a while. The caller holds mu.
func (p *pace) pause(d time.Duration) {
	if !p.resting {
		p.resting = true
		p.rest.Reset(d)
	}
}

func (p *pace) rested() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = false
	p.serve()
}

// ticked takes account of a tick that was to begin at a time, and has ended.
func (p *pace) ticked(wanted time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch slow := p.speed.tick(wanted, p.pages > 0); {
	case !slow:
		p.widen()
	case time.Since(p.changed) >= settling:
		p.window, p.changed = max(p.window/2, narrow), time.Now()
	}
	if p.speed.forgotten() {
		p.pause(lull) // to see how long ticks take without reads
	}
	p.serve()
}

// widen has more pages read at a time, the more time has passed. The caller holds mu.
func (p *pace) widen() {
	now := time.Now()
	p.window = min(p.window+widening*now.Sub(p.changed).Seconds(), p.most)
	p.changed = now
}
