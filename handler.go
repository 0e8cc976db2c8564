package caddyjobs

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyjobs/caddyjobs/access"
)

// pendingInterval is how often it is looked whether jobs have appeared that are
// waited for.
const pendingInterval = 250 * time.Millisecond

const defaultPath = "/jobs/{id}/logs"

func init() { caddy.RegisterModule(new(Logs)) }

// Logs is the handler http.handlers.jobs_logs. It streams the log of a job:
// first all that is there, then what comes, then the end. Requests that are
// not for a log go to the next handler.
type Logs struct {
	// Store is the name of the store that has the jobs. Default: default.
	Store string `json:"store,omitempty"`
	// Path is the path of the logs, in which the segment {id} stands for the
	// job's id. Default: /jobs/{id}/logs. Not to be used with job.
	Path string `json:"path,omitempty"`
	// Job is the job's id, with placeholders, for paths of another shape. All
	// requests that the route's matchers let through are then for a log, but
	// those for which it is empty. Default: none.
	Job string `json:"job,omitempty"`
	// Owner is who asks, a placeholder such as {http.auth.user.tenant}. Only
	// jobs whose owner column has this value are shown; others are unknown, and
	// all are if it is empty. Default: none, everybody sees every job.
	Owner string `json:"owner,omitempty"`
	// Tokens are JSON Web Tokens, of which a viewer needs one. {http.auth.user.id}
	// then is its subject. Default: none is needed.
	Tokens *access.Tokens `json:"tokens,omitempty"`
	// CORS are the origins of other sites whose pages may read the streams,
	// such as https://app.example.com. Default: none.
	CORS []string `json:"cors,omitempty"`
	// AllowedHosts are the names of hosts that are answered to, without port. They
	// are for sites that answer to all names, against pages whose own name leads
	// here (DNS rebinding). Default: all that the site has.
	AllowedHosts []string `json:"allowed_hosts,omitempty"`
	// Pending is how long a request for a job that does not exist waits for it
	// to appear. Default: 0, it is refused with 404 at once.
	Pending caddy.Duration `json:"pending,omitempty"`

	app   *App
	rules *rules
}

// CaddyModule describes the module.
func (*Logs) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.jobs_logs", New: func() caddy.Module { return new(Logs) }}
}

// Provision finds the app and its store.
func (l *Logs) Provision(ctx caddy.Context) (err error) {
	if l.Path == "" {
		l.Path = defaultPath
	} else if l.Job != "" {
		return errors.New("path and job exclude each other")
	}
	if l.app, err = jobsApp(ctx, l.Store); err != nil {
		return err
	}
	joinServer(ctx)
	if l.app.Limits.PerAddress > 0 {
		l.app.adviseProxies(ctx)
	}
	listens := ""
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		listens = strings.Join(server.Listen, " ")
	}
	if l.Tokens != nil {
		if err := l.Tokens.Provision(slog.New(logHandler{})); err != nil {
			return fmt.Errorf("tokens: %w", err)
		}
	}
	l.rules = &rules{
		place: fmt.Sprintf("%q", []string{listens, l.Path, l.Job}), owner: l.Owner, tokens: l.Tokens,
		links: l.app.Links, scope: linkScope(l.Store),
	}
	l.app.expect(l.Store, l.rules)
	return nil
}

// Cleanup ends what tokens began. Streams that are still open are judged by the
// next config.
func (l *Logs) Cleanup() error {
	if l.Tokens != nil {
		l.Tokens.Close()
	}
	return nil
}

// jobsApp is the app, which must have the store.
func jobsApp(ctx caddy.Context, store string) (*App, error) {
	loaded, err := ctx.App("jobs")
	if err != nil {
		return nil, fmt.Errorf("loading the app jobs: %w", err)
	}
	app := loaded.(*App)
	if app.driver(store) == nil {
		return nil, fmt.Errorf("there is no store named %s; name one in the global option jobs: store <driver> %[1]s", store)
	}
	return app, nil
}

var errNoOwners = errors.New("owner: the store's jobs have none; name the column in the store: jobs { owner <column> }")

// Validate reports settings that cannot work.
func (l *Logs) Validate() error {
	if err := pattern(l.Path).validate(); err != nil {
		return err
	}
	if l.Pending < 0 {
		return fmt.Errorf("pending is %s; it must not be negative", time.Duration(l.Pending))
	}
	if l.Owner != "" && !l.app.hasOwners(l.Store) {
		return errNoOwners
	}
	if err := hosts(l.AllowedHosts).validate(); err != nil {
		return err
	}
	return cors(l.CORS).validate()
}

// ServeHTTP serves a stream, or passes the request on.
func (l *Logs) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	id, ok := l.jobID(r)
	if ok && cors(l.CORS).preflight(w, r) {
		return attend(w, r, func(w http.ResponseWriter) error {
			w.WriteHeader(http.StatusNoContent)
			return nil
		})
	}
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return next.ServeHTTP(w, r)
	}
	visit := arrive(w, r)
	defer visit.leave()
	cors(l.CORS).allow(w, r)
	q, refused := parseRequest(r)
	bodied := visit.bodiless()
	switch {
	case bodied != nil:
		refused = bodied
	case !hosts(l.AllowedHosts).allow(r):
		refused = misdirected()
	case cors(l.CORS).foreign(r):
		refused = &refusal{http.StatusForbidden, "pages of this origin may not watch with their visitors' credentials; name it with cors", "origin"}
	case refused == nil:
		refused = l.serve(visit, q, id)
	}
	if refused != nil {
		return visit.refuse(refused, q.opts.Format)
	}
	return nil
}

// jobID is the job that a request is for.
func (l *Logs) jobID(r *http.Request) (id string, ok bool) {
	if l.Job == "" {
		return pattern(l.Path).match(r)
	}
	id = replace(r, l.Job)
	return id, id != ""
}

func (l *Logs) serve(visit *visit, q *request, id string) *refusal {
	w, r := visit.w, visit.r
	h, err := l.app.lease(l.Store)
	if err != nil {
		return &refusal{reason: err.Error(), kind: "store"}
	}
	v := l.viewer(h, q, r)
	if refused := everyone.enter(v, &l.app.Limits); refused != nil {
		h.release()
		return refused
	}
	over := true
	defer func() {
		if over {
			v.leave()
			everyone.leave(v)
			h.release()
		}
	}()
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	v.cut.Store(new(func() {
		cancel()
		visit.cut(v.stall)
	}))
	defer v.cut.Store(nil)
	v.spans = h.connect(ctx, id, q)
	defer v.spans.end()
	if refused := l.admit(ctx, r, v, id); refused != nil {
		return refused
	}
	if p := v.permit.Load(); q.link != "" {
		keepLink(w, p, l.jobPath(r, id), isSecure(r))
	}
	if r.Method == http.MethodHead {
		setStreamHeaders(w, q.opts.Format)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	limit, done := visit.lift(v.stall)
	defer done()
	if over, err = v.serve(ctx, w, r, limit); err != nil {
		return l.refuse(err)
	}
	return nil
}

// viewer is one who is yet to be let in.
func (l *Logs) viewer(h *hub, q *request, r *http.Request) *viewer {
	c := clientOf(r, cmp.Or(l.Job, l.Path))
	if !l.app.parking() || r.ProtoMajor > 1 {
		q.opts.Unit = mouthful // it is kept while the client takes nothing
	}
	return &viewer{
		hub: h, request: *q, client: c, begun: time.Now(), heartbeat: time.Duration(l.app.Heartbeat), stall: time.Duration(l.app.StallTimeout),
		parking: l.app.parking(),
	}
}

// admit finds the job, and lets the viewer see it if it may.
func (l *Logs) admit(ctx context.Context, r *http.Request, v *viewer, id string) (refused *refusal) {
	if refused := l.app.Limits.newcomer(); refused != nil {
		return refused
	}
	p, refused := l.rules.admit(ctx, r, v.link, id)
	if refused != nil {
		return refused
	}
	v.permit.Store(p)
	v.user = replace(r, userPlaceholder) // of the token, by now
	v.link = ""                          // the permit has it
	var err error
	aside(func() { v.found, err = l.find(ctx, v.hub, id, p) })
	v.job = v.found.Job
	v.spans.found(err)
	if err != nil {
		return l.refuse(err)
	}
	return everyone.settle(v, &l.app.Limits)
}

var errNotFound = errors.New("there is no such job")

// refuse turns an error from before the first byte into what the client is told.
// An unknown job and one of somebody else look the same.
func (l *Logs) refuse(err error) *refusal {
	if errors.Is(err, errNotFound) {
		return &refusal{http.StatusNotFound, err.Error(), "not found"}
	}
	if errors.Is(err, context.Canceled) { // the store has its own time, so this is the client's
		return &refusal{reason: "the client is gone", kind: "hung up"}
	}
	return unread("logs", err)
}

// find looks up the job, and waits for it if it may yet appear. It returns
// errNotFound if there is none that the client may see, errStoreDown, and ctx's
// error.
func (l *Logs) find(ctx context.Context, h *hub, id string, p *permit) (finding, error) {
	if !possible(id) {
		return finding{}, errNotFound
	}
	ask := p.ask(id)
	patience, cancel := context.WithTimeout(ctx, time.Duration(l.Pending))
	defer cancel()
	for {
		job, ok, err := h.lookup.job(ctx, ask)
		switch {
		case err != nil:
			return job, err
		case ok && p.allows(job.Job): // the store has compared the owner, too
			return job, nil
		case ctx.Err() != nil:
			return job, ctx.Err()
		case patience.Err() != nil:
			return job, errNotFound
		case !h.closes().IsZero():
			return job, errStoreDown // the client comes again, elsewhere
		}
		// All who wait ask at the same moment, and so in the same query.
		interval := min(h.tunables.Load().interval, pendingInterval)
		now := time.Now()
		pause(patience, now.Truncate(interval).Add(interval).Sub(now))
	}
}

var (
	_ caddy.Provisioner           = (*Logs)(nil)
	_ caddy.Validator             = (*Logs)(nil)
	_ caddy.CleanerUpper          = (*Logs)(nil)
	_ caddyhttp.MiddlewareHandler = (*Logs)(nil)
)
