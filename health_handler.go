package caddyjobs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

const (
	defaultLive  = "/livez"
	defaultReady = "/readyz"
	// readyPatience is how long an answer waits for the stores': who probes waits
	// for a second, mostly.
	readyPatience = 800 * time.Millisecond
)

func init() { caddy.RegisterModule(new(Health)) }

// Health is the handler http.handlers.jobs_health. It tells load balancers and
// orchestrators how the process and its stores are, as JSON. Requests for other
// paths, or that are neither GET nor HEAD, go to the next handler.
type Health struct {
	// Live is the path that answers 200 as long as the process serves. A store
	// that does not answer is no reason to restart it. Default: /livez.
	Live string `json:"live,omitempty"`
	// Ready is the path that says whether to send viewers here. It answers 200 if
	// all stores answer, with the status ok, or some, with the status degraded; 503
	// if none does, with the status down, or the process is to exit, with the
	// status draining. A store that does not answer is asked at most once a
	// second. Default: /readyz.
	Ready string `json:"ready,omitempty"`

	app *App
}

// CaddyModule describes the module.
func (*Health) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.jobs_health", New: func() caddy.Module { return new(Health) }}
}

// Provision finds the app.
func (h *Health) Provision(ctx caddy.Context) error {
	if h.Live == "" {
		h.Live = defaultLive
	}
	if h.Ready == "" {
		h.Ready = defaultReady
	}
	loaded, err := ctx.App("jobs")
	if err != nil {
		return fmt.Errorf("loading the app jobs: %w", err)
	}
	h.app = loaded.(*App)
	joinServer(ctx)
	return nil
}

// Validate reports settings that cannot work.
func (h *Health) Validate() error {
	for _, path := range []string{h.Live, h.Ready} {
		if !strings.HasPrefix(path, "/") {
			return fmt.Errorf("%q is not a path; it must begin with a slash", path)
		}
	}
	if h.Live == h.Ready {
		return errors.New("live and ready have the same path")
	}
	return nil
}

// ServeHTTP tells how things are, or passes the request on.
func (h *Health) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		return next.ServeHTTP(w, r)
	case r.URL.Path == h.Live:
		return attend(w, r, report{Status: "ok"}.write)
	case r.URL.Path == h.Ready:
		return attend(w, r, func(w http.ResponseWriter) error { return h.ready(r.Context()).write(w) })
	default:
		return next.ServeHTTP(w, r)
	}
}

// report is what is told. It is public, and has nothing but names and words.
type report struct {
	Status string                  `json:"status"`
	Stores map[string]*storeReport `json:"stores,omitempty"`
}

type storeReport struct {
	Status string `json:"status"`
}

func (r report) write(w http.ResponseWriter) error {
	status := http.StatusOK
	if r.Status == "down" || r.Status == "draining" {
		status = http.StatusServiceUnavailable
	}
	return answerJSON(w, status, r)
}

// ready asks all stores at once.
func (h *Health) ready(ctx context.Context) report {
	if caddy.Exiting() {
		return report{Status: "draining"}
	}
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	stores := map[string]*storeReport{}
	var asked sync.WaitGroup
	for name := range h.app.drivers {
		s := new(storeReport)
		stores[name] = s
		asked.Go(func() { s.Status = h.app.statusOf(ctx, name) })
	}
	asked.Wait()
	return report{overall(stores), stores}
}

// overall is the word for all stores together.
func overall(stores map[string]*storeReport) string {
	up := 0
	for _, s := range stores {
		if s.Status == "up" {
			up++
		}
	}
	switch up {
	case len(stores):
		return "ok"
	case 0:
		return "down"
	default:
		return "degraded"
	}
}

// statusOf is whether a store is up or down.
func (a *App) statusOf(ctx context.Context, store string) string {
	h, err := a.lease(store)
	if err != nil {
		return "down"
	}
	defer h.release()
	if h.checkup.up(ctx) {
		return "up"
	}
	return "down"
}

var (
	_ caddy.Provisioner           = (*Health)(nil)
	_ caddy.Validator             = (*Health)(nil)
	_ caddyhttp.MiddlewareHandler = (*Health)(nil)
)
