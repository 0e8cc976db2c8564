package caddyjobs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/parking"
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
	// CORS are the origins of other sites whose pages may read the streams,
	// such as https://app.example.com. Default: none.
	CORS []string `json:"cors,omitempty"`
	// Pending is how long a request for a job that does not exist waits for it
	// to appear. Default: 0, it is refused with 404 at once.
	Pending caddy.Duration `json:"pending,omitempty"`

	app *App
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
	if server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server); ok {
		server.RegisterConnContext(parking.ConnContext)
		// With the default grace period a server waits for its last request for
		// ever, and tells nobody but these.
		server.RegisterOnShutdown(func() {
			if caddy.Exiting() {
				drainAll()
			}
		})
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

// Validate reports settings that cannot work.
func (l *Logs) Validate() error {
	if err := pattern(l.Path).validate(); err != nil {
		return err
	}
	if l.Pending < 0 {
		return fmt.Errorf("pending is %s; it must not be negative", time.Duration(l.Pending))
	}
	if l.Owner != "" && !l.app.hasOwners(l.Store) {
		return errors.New("owner: the store's jobs have none; name the column in the store: jobs { owner <column> }")
	}
	return cors(l.CORS).validate()
}

// ServeHTTP serves a stream, or passes the request on.
func (l *Logs) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	id, ok := l.jobID(r)
	if ok && cors(l.CORS).preflight(w, r) {
		return nil
	}
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		return next.ServeHTTP(w, r)
	}
	cors(l.CORS).allow(w, r)
	q, refused := parseRequest(r)
	if refused == nil {
		refused = l.serve(w, r, q, id)
	}
	if refused != nil {
		refused.write(w, q.opts.Format)
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

func (l *Logs) serve(w http.ResponseWriter, r *http.Request, q *request, id string) *refusal {
	h, err := l.app.lease(l.Store)
	if err != nil {
		return &refusal{reason: err.Error()}
	}
	if !admit() {
		h.release()
		return &refusal{reason: "there are as many viewers as this server can have"}
	}
	over := true
	defer func() {
		if over {
			dismiss()
			h.release()
		}
	}()
	defer liftTimeouts(w, r)()
	spans := h.connect(r.Context(), id, q)
	defer spans.end()
	var job joblog.Job
	aside(func() { job, err = l.find(r, h, id) })
	spans.found(err)
	if err != nil {
		return l.refuse(err)
	}
	if r.Method == http.MethodHead {
		setStreamHeaders(w, q.opts.Format)
		w.WriteHeader(http.StatusOK)
		return nil
	}
	v := &viewer{hub: h, job: job, request: *q, heartbeat: time.Duration(l.app.Heartbeat), parking: l.app.parking(), spans: spans}
	if over, err = v.serve(r.Context(), w, r); err != nil {
		return l.refuse(err)
	}
	return nil
}

var errNotFound = errors.New("there is no such job")

// refuse turns an error from before the first byte into what the client is told.
// An unknown job and one of somebody else look the same.
func (l *Logs) refuse(err error) *refusal {
	if errors.Is(err, errNotFound) {
		return &refusal{http.StatusNotFound, err.Error()}
	}
	return &refusal{reason: "the logs cannot be read at the moment"} // the log of the hub says why
}

// find looks up the job, and waits for it if it may yet appear. It returns
// errNotFound if there is none that the client may see, errStoreDown, and the
// request's error.
func (l *Logs) find(r *http.Request, h *hub, id string) (joblog.Job, error) {
	if !possible(id) {
		return joblog.Job{}, errNotFound
	}
	owner := replace(r, l.Owner)
	if l.Owner != "" && owner == "" {
		return joblog.Job{}, errNotFound
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(l.Pending))
	defer cancel()
	for {
		job, ok, err := h.lookup.job(r.Context(), id)
		switch {
		case err != nil:
			return job, err
		case ok && (l.Owner == "" || job.Owner == owner):
			return job, nil
		case ctx.Err() != nil:
			return job, errNotFound
		}
		// All who wait ask at the same moment, and so in the same query.
		interval := min(h.tunables.Load().interval, pendingInterval)
		now := time.Now()
		pause(ctx, now.Truncate(interval).Add(interval).Sub(now))
	}
}

var (
	_ caddy.Provisioner           = (*Logs)(nil)
	_ caddy.Validator             = (*Logs)(nil)
	_ caddyhttp.MiddlewareHandler = (*Logs)(nil)
)
