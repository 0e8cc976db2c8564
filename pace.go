package caddyjobs

import (
	"context"
	"fmt"
	"math"
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
)

const (
	// longestTurn is how long a page waits for its turn.
	longestTurn = 10 * time.Second
	// longestPage is after which time a page that is being read counts no more: it
	// is not the others' fault, and they are not to wait for it.
	longestPage = time.Second
)

// pace keeps those who read long logs from slowing down those who watch live ones.
// Ticks show how fast the store answers. While they take much longer beside reads than
// without, fewer and fewer pages are read at a time, and at last one with pauses; the
// networks whose clients wait take turns.
type pace struct {
	mu      sync.Mutex
	most    float64 // of window
	window  float64 // pages at a time, at most
	changed time.Time
	alone   mean // how long ticks take without reads
	beside  mean // and beside them
	reading int  // pages
	resting bool // no page is begun for now
	waiting map[netip.Prefix][]chan struct{}
	order   []netip.Prefix // of those in waiting, the one whose turn is next first
}

func newPace(s joblog.Store) *pace {
	most := widest
	if s, ok := s.(joblog.Paced); ok {
		most = s.Pages()
	}
	return &pace{most: float64(most), window: float64(most), waiting: map[netip.Prefix][]chan struct{}{}}
}

// take waits for a client's turn to read a page, which ends with done. Its errors are
// joblog.ErrUnserved, and ctx's.
func (p *pace) take(ctx context.Context, from netip.Prefix) (done func(), err error) {
	turn := p.queue(from)
	patience := time.NewTimer(longestTurn)
	defer patience.Stop()
	select {
	case <-turn:
		begun := time.Now()
		end := sync.OnceFunc(func() { p.done(time.Since(begun)) })
		late := time.AfterFunc(longestPage, end)
		return func() { late.Stop(); end() }, nil
	case <-patience.C:
		err = fmt.Errorf("%w: others have read logs for %s", joblog.ErrUnserved, longestTurn)
	case <-ctx.Done():
		err = ctx.Err()
	}
	p.abandon(from, turn)
	return nil, err
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
	}
	p.mu.Unlock()
	if i < 0 {
		p.done(0)
	}
}

// leave takes a turn out of those that a network waits for. The caller holds mu.
func (p *pace) leave(from netip.Prefix, i int) {
	if p.waiting[from] = slices.Delete(p.waiting[from], i, i+1); len(p.waiting[from]) == 0 {
		delete(p.waiting, from)
		p.order = slices.DeleteFunc(p.order, func(o netip.Prefix) bool { return o == from })
	}
}

// serve begins as many turns as there may be. The caller holds mu.
func (p *pace) serve() {
	for len(p.order) > 0 && !p.resting && p.reading < max(1, int(p.window)) {
		from := p.order[0]
		p.order = append(p.order[1:], from)
		p.reading++
		close(p.waiting[from][0])
		p.leave(from, 0)
	}
}

// done ends a turn that took so long.
func (p *pace) done(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reading--
	if p.window < 1 && !p.resting {
		p.resting = true
		time.AfterFunc(time.Duration(float64(took)*(1/p.window-1)), p.rested)
	}
	p.serve()
}

func (p *pace) rested() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.resting = false
	p.serve()
}

// ticked takes account of how long after it was due a tick had ended.
func (p *pace) ticked(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.reading == 0 {
		p.alone.add(took)
	} else {
		p.beside.add(took)
	}
	p.adapt()
	p.serve()
}

// adapt narrows or widens the window. The caller holds mu.
func (p *pace) adapt() {
	const noticeable = float64(time.Millisecond) / 2
	now := time.Now()
	since := now.Sub(p.changed)
	switch slow := p.reading > 0 && p.alone.some && p.beside.value() > 1.5*p.alone.value()+noticeable; {
	case !slow:
		p.window = min(p.window+widening*since.Seconds(), p.most)
	case since < settling:
		return
	default:
		p.window = max(p.window/2, narrow)
	}
	p.changed = now
}

// mean is about the root mean square of the last durations: the few that are long
// count for more, as they do for those who wait.
type mean struct {
	squares float64
	some    bool
}

func (m *mean) add(d time.Duration) {
	const weight = 1. / 16
	square := float64(d) * float64(d)
	if !m.some {
		m.squares, m.some = square, true
	}
	m.squares += (square - m.squares) * weight
}

func (m *mean) value() float64 { return math.Sqrt(m.squares) }
