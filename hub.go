package caddyjobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// callTimeout bounds one call of a store: a connection that hangs must not
// hang the streams. It is generous; stores have bounds of their own.
const callTimeout = 15 * time.Second

// hubs are the stores in use, by joblog.Driver.Key. Each app and each stream
// holds a reference, so a config reload leaves streams and their store alone.
var hubs = caddy.NewUsagePool()

// hub is what all users of one store share: the store, its emitters, and the
// poller that feeds them. It starts nothing before the first viewer comes.
type hub struct {
	key     string
	store   joblog.Store
	log     *slog.Logger
	health  *health
	lookup  *lookup
	shelf   *shelf
	checkup *checkup
	pace    *pace
	recents *recents

	meters   atomic.Pointer[meters]
	tracers  atomic.Pointer[tracers] // nil before a request was traced
	tunables atomic.Pointer[tunables]
	position atomic.Pointer[joblog.Cursor]
	wake     chan struct{} // holds one token if the poller should look
	adopted  chan struct{} // holds one token if the guard should look at the tunables

	held atomic.Int64 // bytes of large rows that blocked streams write

	life  context.Context // ends with Destruct
	end   context.CancelFunc
	begin sync.Once // starts the poller
	work  sync.WaitGroup

	mu      sync.Mutex
	members []*tunables         // of the running configs that use the hub; the last one's hold
	watched map[string]*watched // by job
	former  map[string]int64    // the last rows of lives that are over, by job
	live    int                 // how many of them have not ended
	changed bool                // watched changed since the poller looked
	others  chan struct{}       // closed when watched changes; nil if nobody waits for that
	ask     []string            // jobs whose states may have changed
	heard   time.Time           // when there was the first hint since the last tick began; zero if there was none
	doubts  int                 // how often in a row the guard, whose this is, could not tell the owners
	waiting *pass               // of the viewers that came since the last tick began
	summons chan struct{}       // closed, and replaced, when streams are to look whether they are to end
	closing time.Time           // when the last of them is to end; zero if they are to go on
}

// tunables are settings that a config reload changes in place.
type tunables struct {
	name      string        // of the store
	interval  time.Duration // between polls
	after     time.Duration // that the end of a job was first seen, it is told
	linger    time.Duration // of emitters after the end of their job
	heartbeat time.Duration // after which viewers' permits are looked at again
	history   int           // bytes of all rings and sheets together
	cache     time.Duration // for which sheets are good for who comes
	drain     time.Duration // in which all streams are to end, if they are to
	rules     *ruleset      // of the handlers; nil if there is none
}

// lease returns the hub of a driver, making it if there is none. It must be
// given back by release.
func lease(driver joblog.Driver) (*hub, error) {
	key := driver.Key()
	value, _, err := hubs.LoadOrNew(key, func() (caddy.Destructor, error) { return newHub(key, driver), nil })
	if err != nil {
		return nil, err
	}
	return value.(*hub), nil
}

func (h *hub) release() {
	if _, err := hubs.Delete(h.key); err != nil {
		h.log.Error("closing a store", "error", err)
	}
}

func newHub(key string, driver joblog.Driver) *hub {
	h := &hub{
		key: key, wake: make(chan struct{}, 1), adopted: make(chan struct{}, 1),
		watched: map[string]*watched{}, former: map[string]int64{}, summons: make(chan struct{}),
	}
	h.log = slog.New(logHandler{}.and(h.named))
	h.life, h.end = context.WithCancel(context.Background())
	h.store = driver.Open(h.log)
	h.health = &health{log: h.log}
	h.lookup = &lookup{ask: h.inquire, run: h.run}
	h.checkup = &checkup{ask: h.answers, well: h.health.well, run: h.run, life: h.life}
	h.pace = newPace(h.store)
	h.recents = newRecents(h)
	h.shelf = &shelf{jobs: map[*watched][]*slot{}, run: h.run, bound: defaultHistory, age: defaultCache, read: func(w *watched, p part) (joblog.Page, error) {
		return w.read(h.life, p.from, joblog.Query{Job: w.em.Job(), After: joblog.Cursor{N: p.after}, UpTo: joblog.Cursor{N: p.upTo}})
	}}
	h.meters.Store(metrics.stores.take(defaultStore))
	h.tunables.Store(&tunables{interval: defaultPollInterval, linger: defaultLinger, heartbeat: defaultHeartbeat, history: defaultHistory, cache: defaultCache})
	h.position.Store(new(joblog.Cursor))
	return h
}

// named is a log's handler that says which store it is, by the name that it has in
// the running config: there may be several.
func (h *hub) named(to slog.Handler) slog.Handler {
	if t := h.tunables.Load(); t != nil && t.name != "" {
		return to.WithAttrs([]slog.Attr{slog.String("store", t.name)})
	}
	return to
}

// Destruct ends the poller, waits for it, and closes the store. The pool calls
// it when nobody uses the hub any more.
func (h *hub) Destruct() error {
	h.end()
	h.work.Wait()
	h.pace.stop()
	h.shelf.keep(0)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watched { // all have ended: nobody is there to watch
		w.linger.Stop()
	}
	metrics.stores.drop(h.meters.Load())
	return h.store.Close()
}

// join counts a config among the hub's, whose settings hold from now on.
func (h *hub) join(t *tunables) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.members = append(h.members, t)
	h.closing = time.Time{}
	h.adopt(t)
}

// adopt makes settings hold. The caller holds mu.
func (h *hub) adopt(t *tunables) {
	h.tunables.Store(t)
	metrics.stores.drop(h.meters.Swap(metrics.stores.take(t.name)))
	h.shelf.fit(t.history)
	h.shelf.keep(t.cache)
	signal(h.adopted)
}

// leave ends a config's use. Those of the newest one that is left hold, which
// is an older one if this has failed to start. If it was the last, no config
// has the store any more, and its streams are to end.
func (h *hub) leave(t *tunables) {
	h.mu.Lock()
	h.members = slices.DeleteFunc(h.members, func(have *tunables) bool { return have == t })
	last := len(h.members) == 0
	if !last {
		h.adopt(h.members[len(h.members)-1])
	}
	h.mu.Unlock()
	if last {
		h.close(spread(len(h.viewers()), t.drain))
	}
}

// Position is where the tail of the store stood after the last tick.
func (h *hub) Position() joblog.Cursor { return *h.position.Load() }

// Read reads a page from the store for nobody in particular. Its errors are those of
// read.
func (h *hub) Read(ctx context.Context, q joblog.Query) (joblog.Page, error) {
	return h.read(ctx, netip.Prefix{}, q)
}

// read reads a page from the store when it is the turn of a client of a network. It
// may return errStoreDown, joblog.ErrUnserved and ctx's error.
func (h *hub) read(ctx context.Context, from netip.Prefix, q joblog.Query) (page joblog.Page, err error) {
	if err := h.down(); err != nil {
		return page, err
	}
	done, err := h.pace.take(ctx, from)
	if errors.Is(err, joblog.ErrUnserved) {
		h.health.note(err)
	}
	if err != nil {
		return page, err
	}
	defer done()
	err = h.call(ctx, func(ctx context.Context) (err error) {
		page, err = h.store.Read(ctx, q)
		return err
	})
	return page, err
}

// newest is the highest id that the store ever gave out; ok is false if it
// does not know. It may return errStoreDown and joblog.ErrUnserved.
func (h *hub) newest(ctx context.Context) (id int64, ok bool, err error) {
	s, ok := h.store.(joblog.Newester)
	if !ok {
		return 0, false, nil
	}
	err = h.call(ctx, func(ctx context.Context) (err error) {
		id, err = s.Newest(ctx)
		return err
	})
	return id, true, err
}

func (h *hub) jobs(asks []joblog.Ask) (jobs map[joblog.Ask]joblog.Job, err error) {
	err = h.call(h.life, func(ctx context.Context) (err error) {
		jobs, err = h.store.Jobs(ctx, asks)
		return err
	})
	return jobs, err
}

// errStoreDown is wrapped by the errors of calls that failed because the store
// does not answer.
var errStoreDown = errors.New("the store does not answer")

// down is errStoreDown while the store is known not to answer, and it is too early to
// try again.
func (h *hub) down() error {
	if err := h.health.refused(); err != nil {
		return fmt.Errorf("%w: %w", errStoreDown, err)
	}
	return nil
}

// call calls the store, unless it is known not to answer and it is too early
// to try again. Its errors are those of judge, and ctx's.
func (h *hub) call(ctx context.Context, do func(context.Context) error) error {
	if err := h.down(); err != nil {
		return err
	}
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return h.judge(ctx, bounded, rescued(func() error { return do(bounded) }))
}

// judge takes the outcome of a call, which had until bounded ends. It counts for
// the store's health, unless the store answers and could not serve this call,
// or not in our time: one log that is slow to read is not to stop the others.
// Errors wrap joblog.ErrUnserved then, and else errStoreDown, or are ctx's.
func (h *hub) judge(ctx, bounded context.Context, err error) error {
	unserved := errors.Is(err, joblog.ErrUnserved)
	if err != nil && ctx.Err() == nil && bounded.Err() != nil { // whatever the store makes of it
		if unserved = h.checkup.up(ctx); !unserved {
			err = fmt.Errorf("there is no answer within %s: %w", callTimeout, bounded.Err())
		}
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case unserved:
		h.health.note(err)
		return fmt.Errorf("%w: %w", joblog.ErrUnserved, err)
	}
	if err != nil {
		h.health.report(err)
		return fmt.Errorf("%w: %w", errStoreDown, err)
	}
	h.answered()
	return nil
}

// answered says that the store has answered a call.
func (h *hub) answered() {
	if h.health.report(nil) {
		h.poke()
	}
}

// poke makes the poller look now.
func (h *hub) poke() { signal(h.wake) }

// signal puts a token into a channel that holds one, unless it has it already.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// hint makes the poller look now, at a job's state if one is named: something
// was committed just before.
func (h *hub) hint(job string) {
	h.mu.Lock()
	if h.heard.IsZero() {
		h.heard = time.Now()
	}
	if _, ok := h.watched[job]; ok {
		h.ask = append(h.ask, job)
	}
	h.mu.Unlock()
	h.poke()
}
