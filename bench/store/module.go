package store

import (
	"log/slog"
	"os"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyjobs/caddyjobs/bench/feed"
	"github.com/caddyjobs/caddyjobs/joblog"
)

func init() { caddy.RegisterModule(new(Driver)) }

// Driver is the store's configuration.
type Driver struct {
	// Feed is the address on which events are taken. While it is set, every job
	// exists and is running until the feed says otherwise. Default: what the
	// environment variable BENCH_FEED has.
	Feed string `json:"feed,omitempty"`
}

// CaddyModule describes the module.
func (*Driver) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "jobs.stores.bench", New: func() caddy.Module { return new(Driver) }}
}

// Provision sets the defaults.
func (d *Driver) Provision(caddy.Context) error {
	if d.Feed == "" {
		d.Feed = os.Getenv(feed.Variable)
	}
	return nil
}

// Key is the feed.
func (d *Driver) Key() string { return "bench:" + d.Feed }

// Open makes an empty store. It listens from its first use on.
func (d *Driver) Open(*slog.Logger) joblog.Store {
	return newStore(newRows(d.Feed != ""), d.Feed)
}

var (
	_ joblog.Driver     = (*Driver)(nil)
	_ caddy.Provisioner = (*Driver)(nil)
)
