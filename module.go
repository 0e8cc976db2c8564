// Package caddyjobs streams the logs of jobs from the table they are written
// to, live, to browsers and terminals. It is a Caddy plugin: the app module
// jobs owns the stores, http.handlers.jobs_logs serves the streams,
// http.handlers.jobs_ingest takes events, and http.handlers.jobs_health tells
// how things are.
package caddyjobs

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyjobs/caddyjobs/access"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// Defaults of the app's settings.
const (
	defaultPollInterval = time.Second
	defaultLinger       = 60 * time.Second
	defaultHeartbeat    = 15 * time.Second
	defaultHistory      = 64 << 20
	defaultCache        = time.Minute
	defaultStallTimeout = 5 * time.Minute
	defaultDrainTimeout = 10 * time.Second
)

func init() { caddy.RegisterModule(new(App)) }

// App is the app module jobs. It owns the stores that hold the jobs and their
// logs, and all that watches them.
type App struct {
	// Stores are where jobs and their logs are, by name. Handlers use the one
	// named default unless told otherwise. Default: one, an SQLite database
	// named jobs.db in Caddy's data directory.
	StoresRaw map[string]json.RawMessage `json:"stores,omitempty" caddy:"namespace=jobs.stores inline_key=driver"`
	// PollInterval is how often a store is asked for news while jobs of it are
	// watched, for all of them at once. While rows flow, and where the store
	// gives hints (SQLite, and Postgres with notify), news come sooner.
	// Default: 1s; at least 10ms.
	PollInterval caddy.Duration `json:"poll_interval,omitempty"`
	// Linger is how long the emitter of a job is kept after the job has
	// completed. Default: 60s.
	Linger caddy.Duration `json:"linger,omitempty"`
	// Heartbeat is after how much silence a stream is sent a comment, which
	// keeps proxies from closing it. Default: 15s; at least 1s.
	Heartbeat caddy.Duration `json:"heartbeat,omitempty"`
	// History is how many bytes of events are kept in memory for the viewers of
	// all watched jobs together: recent events, and pages that several replay.
	// What is not kept is read from the store. As many bytes again, at most, are
	// large rows that are being written to clients that take nothing.
	// Default: 67108864 (64 MiB).
	History int64 `json:"history,omitempty"`
	// Cache is for how long what was read of a log is given to others who come to
	// watch it: a row that is edited or deleted is shown to nobody new for longer. 0
	// keeps nothing for them. Default: 1m.
	Cache *caddy.Duration `json:"cache,omitempty"`
	// Parking is whether HTTP/1.1 streams that wait give up their goroutine, and
	// most of their memory: on or off. It needs Linux, and no middleware that
	// changes bodies; other streams keep their goroutine. Default: on.
	Parking string `json:"parking,omitempty"`
	// Limits bound how many viewers there may be. Default: as many as the limit
	// of open files allows.
	Limits Limits `json:"limits,omitzero"`
	// StallTimeout is how long a client may take nothing of what it is sent: its
	// stream is then cut, and goes on when the client comes again. Default: 5m;
	// at least 1s.
	StallTimeout caddy.Duration `json:"stall_timeout,omitempty"`
	// DrainTimeout is the time in which all streams end when the server exits,
	// one after the other; few end at once. Default: 10s; at least 1s.
	DrainTimeout caddy.Duration `json:"drain_timeout,omitempty"`
	// Links are the keys of links that can be handed out, each of which lets
	// anybody watch one job until it expires; the command `caddy jobs link` makes
	// them. Default: none, and no link is valid.
	Links *access.Links `json:"links,omitempty"`
	// Demo makes a job named demo in the default store, which must be one that
	// makes its own tables: it writes lines, completes, and begins anew.
	// Default: false.
	Demo bool `json:"demo,omitempty"`

	drivers map[string]joblog.Driver
	rules   map[string]*ruleset // of the handlers, by the store's key: it may have several names
	held    []lent
	advice  []string // for who operates the server, told at the start
	stop    context.CancelFunc
	running sync.WaitGroup
}

// CaddyModule describes the module.
func (*App) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "jobs", New: func() caddy.Module { return new(App) }}
}

// Provision loads the stores' drivers and sets the defaults. It opens nothing.
func (a *App) Provision(ctx caddy.Context) error {
	a.setDefaults()
	a.Limits.provision()
	if err := metrics.register(ctx.GetMetricsRegistry()); err != nil {
		return err
	}
	if a.Links != nil {
		if err := a.Links.Provision(); err != nil {
			return fmt.Errorf("links: %w", err)
		}
	}
	a.drivers = map[string]joblog.Driver{}
	if len(a.StoresRaw) == 0 {
		a.StoresRaw = map[string]json.RawMessage{defaultStore: json.RawMessage(`{"driver":"sqlite"}`)}
	}
	loaded, err := ctx.LoadModule(a, "StoresRaw")
	if err != nil {
		return fmt.Errorf("loading the stores: %w", err)
	}
	for name, module := range loaded.(map[string]any) {
		driver, ok := module.(joblog.Driver)
		if !ok {
			return fmt.Errorf("store %s: %T is not a driver", name, module)
		}
		a.drivers[name] = driver
	}
	return nil
}

// defaultStore is the name of the store that is used where none is named.
const defaultStore = "default"

func (a *App) setDefaults() {
	if a.PollInterval == 0 {
		a.PollInterval = caddy.Duration(defaultPollInterval)
	}
	if a.Linger == 0 {
		a.Linger = caddy.Duration(defaultLinger)
	}
	if a.Heartbeat == 0 {
		a.Heartbeat = caddy.Duration(defaultHeartbeat)
	}
	if a.History == 0 {
		a.History = defaultHistory
	}
	if a.Cache == nil {
		a.Cache = new(caddy.Duration(defaultCache))
	}
	if a.Parking == "" {
		a.Parking = "on"
	}
	if a.StallTimeout == 0 {
		a.StallTimeout = caddy.Duration(defaultStallTimeout)
	}
	if a.DrainTimeout == 0 {
		a.DrainTimeout = caddy.Duration(defaultDrainTimeout)
	}
}

func (a *App) parking() bool { return a.Parking == "on" }

// Validate reports settings that cannot work.
func (a *App) Validate() error {
	switch {
	case time.Duration(a.PollInterval) < 10*time.Millisecond:
		return fmt.Errorf("poll_interval is %s; it must be at least 10ms", time.Duration(a.PollInterval))
	case a.Linger < 0:
		return fmt.Errorf("linger is %s; it must not be negative", time.Duration(a.Linger))
	case time.Duration(a.Heartbeat) < time.Second:
		return fmt.Errorf("heartbeat is %s; it must be at least 1s", time.Duration(a.Heartbeat))
	case a.History < 0:
		return fmt.Errorf("history is %d bytes; it must not be negative", a.History)
	case *a.Cache < 0:
		return fmt.Errorf("cache is %s; it must not be negative", time.Duration(*a.Cache))
	case a.Parking != "on" && a.Parking != "off":
		return fmt.Errorf("parking is %q; it must be on or off", a.Parking)
	case time.Duration(a.StallTimeout) < time.Second:
		return fmt.Errorf("stall_timeout is %s; it must be at least 1s", time.Duration(a.StallTimeout))
	case time.Duration(a.DrainTimeout) < time.Second:
		return fmt.Errorf("drain_timeout is %s; it must be at least 1s", time.Duration(a.DrainTimeout))
	case a.Demo && a.drivers[defaultStore] == nil:
		return errors.New("demo needs a store named default")
	}
	return a.Limits.validate()
}

// lent is a hub that a running config uses, and how.
type lent struct {
	hub  *hub
	with *tunables
}

// Start takes up the stores, so that they outlive the previous config's end.
// Nothing is opened before it is needed.
func (a *App) Start() error {
	for _, name := range slices.Sorted(maps.Keys(a.drivers)) { // names of one store: the last one counts
		h, err := a.lease(name)
		if err != nil {
			return err
		}
		t := &tunables{
			name:      name,
			interval:  time.Duration(a.PollInterval),
			after:     a.terminalAfter(name),
			linger:    time.Duration(a.Linger),
			heartbeat: time.Duration(a.Heartbeat),
			history:   int(a.History) / len(a.drivers),
			cache:     time.Duration(*a.Cache),
			drain:     time.Duration(a.DrainTimeout),
			rules:     a.rules[h.key],
		}
		a.held = append(a.held, lent{h, t})
		h.join(t)
	}
	lot().Bound(a.History)
	for _, advice := range a.advice {
		slog.New(logHandler{}).Warn(advice)
	}
	if limit, known := openFiles(); known {
		if advice := adviseFiles(limit); advice != "" {
			slog.New(logHandler{}).Warn(advice)
		}
	}
	var ctx context.Context
	ctx, a.stop = context.WithCancel(context.Background())
	if a.Demo {
		a.running.Go(func() { a.runDemo(ctx) })
	}
	return nil
}

// lease returns the hub of a store by its name, empty for the default one. It
// must be given back by release.
func (a *App) lease(name string) (*hub, error) {
	driver := a.driver(name)
	if driver == nil {
		return nil, fmt.Errorf("there is no store named %s", name)
	}
	return lease(driver)
}

// expect tells the app of a handler of a store, empty for the default one.
func (a *App) expect(store string, u *rules) {
	if a.rules == nil {
		a.rules = map[string]*ruleset{}
	}
	key := a.driver(store).Key()
	if a.rules[key] == nil {
		a.rules[key] = new(ruleset)
	}
	a.rules[key].add(u)
}

// driver is the driver of a store by its name, empty for the default one; nil
// if there is none.
func (a *App) driver(name string) joblog.Driver {
	return a.drivers[cmp.Or(name, defaultStore)]
}

// hasOwners reports whether the jobs of a store may have owners.
func (a *App) hasOwners(store string) bool {
	d, ok := a.driver(store).(interface{ HasOwner() bool })
	return !ok || d.HasOwner()
}

// terminalAfter is how long after it was seen the end of a store's jobs is told:
// at once if the store has nothing to say about it.
func (a *App) terminalAfter(store string) time.Duration {
	d, ok := a.driver(store).(interface{ TerminalAfter() time.Duration })
	if !ok {
		return 0
	}
	return d.TerminalAfter()
}

// Stop ends the demo. Streams go on.
func (a *App) Stop() error {
	if a.stop != nil {
		a.stop()
	}
	a.running.Wait()
	return nil
}

// Cleanup gives the stores back. Streams that are still open hold theirs. If
// the process is to exit, it waits until they have ended.
func (a *App) Cleanup() error {
	if caddy.Exiting() {
		a.drain()
	}
	for _, h := range a.held {
		h.hub.leave(h.with)
		h.hub.release()
	}
	a.held = nil
	return nil
}

// drain has all streams end. Apps stop in any order: it is only now that the
// servers have, which serve on for as long as their shutdown_delay.
func (a *App) drain() {
	within := time.Duration(a.DrainTimeout)
	drainAll(within)
	select {
	case <-detached.none():
	case <-time.After(within):
	}
}

// EmitLog appends events to a job's log, durably, and shows them to the
// viewers on this node at once. It returns the events' ids. store is the name
// of the store; empty for the default one. Events need a message, and may have
// a severity (default info) and a time in milliseconds since 1970 (default
// now).
//
// Its errors wrap joblog.ErrUnknownJob, joblog.ErrUnsupported and
// joblog.ErrInvalid.
func (a *App) EmitLog(ctx context.Context, store, job string, events ...joblog.Event) ([]int64, error) {
	return a.append(ctx, store, joblog.Batch{Job: job, Events: events})
}

func (a *App) append(ctx context.Context, store string, b joblog.Batch) ([]int64, error) {
	h, err := a.lease(store)
	if err != nil {
		return nil, err
	}
	defer h.release()
	s, ok := h.store.(joblog.Appender)
	if !ok {
		return nil, fmt.Errorf("%w: it takes no events", joblog.ErrUnsupported)
	}
	ids, err := s.Append(ctx, b)
	if err != nil {
		return nil, err
	}
	h.answered()
	h.meters.Load().ingested.Add(float64(len(ids)))
	h.hint("")
	return ids, nil
}

// SetState stores a job's state, durably, and shows its end, if it is one, to
// the viewers on this node at once. store is as with EmitLog, and so are the
// errors.
func (a *App) SetState(ctx context.Context, store, job, state string) error {
	h, err := a.lease(store)
	if err != nil {
		return err
	}
	defer h.release()
	s, ok := h.store.(joblog.StateSetter)
	if !ok {
		return fmt.Errorf("%w: it takes no states", joblog.ErrUnsupported)
	}
	if err := s.SetState(ctx, job, state); err != nil {
		return err
	}
	h.answered()
	h.hint(job)
	return nil
}

var (
	_ caddy.App          = (*App)(nil)
	_ caddy.Provisioner  = (*App)(nil)
	_ caddy.Validator    = (*App)(nil)
	_ caddy.CleanerUpper = (*App)(nil)
)
