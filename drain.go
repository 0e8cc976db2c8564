package caddyjobs

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyjobs/caddyjobs/parking"
)

// When many streams are to end, they end one after the other, so that their
// clients do not come back all at once: these many a second, as far as there is
// time.
const (
	endsASecond = 500
	briefest    = 100 * time.Millisecond
)

// spread is the time over which so many streams end, a part of all there is:
// what is left is for clients to hear of it.
func spread(streams int, within time.Duration) time.Duration {
	return min(max(time.Duration(streams)*time.Second/endsASecond, briefest), within-within/8)
}

// exiting is begun once, when the process is to exit.
var exiting sync.Once

// joinServer registers for the connections and the shutdown of a handler's server, so
// that its requests and streams end when the process exits. With the default grace
// period, a server waits for its last request without a limit; its shutdown hooks are
// the only notice.
func joinServer(ctx caddy.Context) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if !ok {
		return
	}
	within := defaultDrainTimeout
	if loaded, err := ctx.AppIfConfigured("jobs"); err == nil {
		within = time.Duration(loaded.(*App).DrainTimeout)
	}
	server.RegisterConnContext(parking.ConnContext)
	server.RegisterConnState(everyone.awaited.changed)
	server.RegisterOnShutdown(func() { shutDown(within) })
}

// shutDown is called when a server with a handler shuts down, and may block.
func shutDown(within time.Duration) {
	if caddy.Exiting() {
		drainAll(within)
	} else if staying.CompareAndSwap(false, true) {
		defer staying.Store(false)
		drainStaying(within)
	}
}

// staying is whether somebody waits in drainStaying, which is enough.
var staying atomic.Bool

// drainStaying waits as long as there are streams, some of which a reload has left
// to the server that it replaced. Should the process exit, it waits for them, but
// tells the servers of the last config only: if those have no handler, they are
// to be drained here.
func drainStaying(within time.Duration) {
	const look = 100 * time.Millisecond // nothing tells of the exit
	for everyone.count() > 0 {
		if !caddy.Exiting() {
			<-time.After(look)
			continue
		}
		if !handled() {
			drainAll(within)
		}
		return
	}
}

// handled reports whether the running config has a handler.
func handled() (found bool) {
	hubs.Range(func(_, value any) bool {
		found = !value.(*hub).tunables.Load().rules.empty()
		return !found
	})
	return found
}

// drainAll asks the streams of all stores to end, as the process is to exit;
// some may be of configs that are gone. Shortly before the time is over, all remaining
// streams are cut: Go keeps HTTP/2 connections open for another second.
func drainAll(within time.Duration) {
	exiting.Do(func() {
		hubs.Range(func(_, value any) bool {
			value.(*hub).close(spread(everyone.count(), within))
			return true
		})
		time.AfterFunc(within-min(within/16, time.Second), everyone.cut)
	})
}

// close asks all streams to end, one after the other.
func (h *hub) close(within time.Duration) {
	h.mu.Lock()
	if h.closing.IsZero() {
		h.closing = time.Now().Add(within)
	}
	h.mu.Unlock()
	h.summon()
}

// summon has all streams look whether they are to end.
func (h *hub) summon() {
	h.mu.Lock()
	close(h.summons)
	h.summons = make(chan struct{})
	h.mu.Unlock()
	lot().Sweep()
}

// summoned returns a channel that is closed when a stream is to look whether
// it is to end.
func (h *hub) summoned() <-chan struct{} {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.summons
}

// closes is when the last stream is to end; the zero time if they are to go on.
func (h *hub) closes() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closing
}
