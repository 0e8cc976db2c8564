// Package plain is what a Caddy plugin does that streams without further
// thought: the handler http.handlers.bench_plain serves bench/topics.
package plain

import (
	"context"
	"net/http"
	"os"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyjobs/caddyjobs/bench/feed"
	"github.com/caddyjobs/caddyjobs/bench/topics"
)

func init() { caddy.RegisterModule(new(Handler)) }

// Handler is the handler http.handlers.bench_plain. It takes its events from
// the address in feed.Variable.
type Handler struct {
	// Gather makes a viewer's goroutine flush once when it has written all that
	// there is. Default: false, it flushes each event.
	Gather bool `json:"gather,omitempty"`
	// Heartbeat is how often every viewer gets a comment. Default: 15s.
	Heartbeat caddy.Duration `json:"heartbeat,omitempty"`

	topics *topics.Topics
}

// CaddyModule describes the module.
func (*Handler) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.bench_plain", New: func() caddy.Module { return new(Handler) }}
}

// Provision starts to listen for events. It is no model for a plugin: this one
// has one config in its life.
func (h *Handler) Provision(ctx caddy.Context) error {
	if h.Heartbeat == 0 {
		h.Heartbeat = caddy.Duration(15 * time.Second)
	}
	h.topics = &topics.Topics{Gather: h.Gather, Heartbeat: time.Duration(h.Heartbeat)}
	go h.listen(ctx)
	return nil
}

func (h *Handler) listen(ctx context.Context) {
	if err := h.topics.Listen(ctx, os.Getenv(feed.Variable)); ctx.Err() == nil {
		caddy.Log().Fatal("bench_plain: " + err.Error())
	}
}

// ServeHTTP serves a stream.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request, _ caddyhttp.Handler) error {
	h.topics.ServeHTTP(w, r)
	return nil
}

var (
	_ caddy.Provisioner           = (*Handler)(nil)
	_ caddyhttp.MiddlewareHandler = (*Handler)(nil)
)
