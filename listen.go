package caddyjobs

import (
	"context"
	"errors"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// longestDeafness is the longest wait between attempts to listen to a store.
const longestDeafness = 30 * time.Second

// hear listens to the store's hints, or ceases to. They make the poller fast;
// what makes it right is that it ticks without them.
func (p *poller) hear(wanted bool) {
	l, ok := p.hub.store.(joblog.Listener)
	switch {
	case !ok || wanted == (p.listen != nil):
	case wanted:
		var ctx context.Context
		ctx, p.listen = context.WithCancel(p.hub.life)
		p.hub.run(func() { p.hub.listen(ctx, l) })
	default:
		p.deafen()
	}
}

func (p *poller) deafen() {
	if p.listen != nil {
		p.listen()
		p.listen = nil
	}
}

// listen listens until ctx ends, again and again if it is cut off. It logs the
// first cut of a row of them.
func (h *hub) listen(ctx context.Context, l joblog.Listener) {
	for wait := firstBackoff; ; wait = min(2*wait, longestDeafness) {
		began := time.Now()
		err := rescued(func() error { return l.Listen(ctx, h.watching, h.hint) })
		if ctx.Err() != nil || errors.Is(err, joblog.ErrUnsupported) {
			return
		}
		if time.Since(began) > longestDeafness {
			wait = firstBackoff
		}
		if wait == firstBackoff {
			h.log.Warn("the store's hints are cut off; rows come at the poll interval until they are back", "error", err)
		}
		select {
		case <-time.After(jitter(wait)):
		case <-ctx.Done():
			return
		}
	}
}
