package caddyjobs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"go.uber.org/zap"

	"github.com/caddyjobs/caddyjobs/joblog"
)

const (
	defaultStatePath = "/jobs/{id}/state"
	defaultMaxSize   = 8 << 20
	defaultMaxEvent  = 1 << 20
	maxKey           = 255 // bytes of an Idempotency-Key
)

func init() { caddy.RegisterModule(new(Ingest)) }

// Ingest is the handler http.handlers.jobs_ingest. It takes events by POST on
// the path of a log, and a job's state by PUT on the path of the state. It
// takes them only from loopback and unix-socket peers, and from users that an
// authentication handler before it let in; who may write may write to all jobs
// of the store. Other requests go to the next handler.
type Ingest struct {
	// Store is the name of the store that has the jobs. Default: default.
	Store string `json:"store,omitempty"`
	// Path is the path of the logs, in which the segment {id} stands for the
	// job's id. Default: /jobs/{id}/logs. Not to be used with job.
	Path string `json:"path,omitempty"`
	// StatePath is the path of the states. Default: /jobs/{id}/state. Not to be
	// used with job.
	StatePath string `json:"state_path,omitempty"`
	// Job is the job's id, with placeholders, for paths of another shape. All
	// POST and PUT requests that the route's matchers let through are then for
	// it, but those for which it is empty. Default: none.
	Job string `json:"job,omitempty"`
	// MaxSize is the size of the largest body taken, in bytes. Default: 8388608
	// (8 MiB).
	MaxSize int64 `json:"max_size,omitempty"`
	// MaxEvent is the size of the largest event taken, its message and its
	// severity, in bytes. Default: 1048576 (1 MiB), which is also what viewers are
	// shown of a message.
	MaxEvent int64 `json:"max_event,omitempty"`
	// Rate is how many events a second are taken from one user, or, where nobody
	// is authenticated, from one client address or /64 of IPv6; as many may come
	// at once, and more in one request, of up to 1000, are then waited for. A state
	// counts as an event. More are refused with 429, and larger requests with 413.
	// Default: no limit.
	Rate int `json:"rate,omitempty"`
	// AllowedHosts are the names of hosts that are answered to, without port, as
	// with jobs_logs. Default: all that the site has; but only localhost and
	// loopback addresses for browsers on this machine.
	AllowedHosts []string `json:"allowed_hosts,omitempty"`
	// Public takes events and states from anybody. Default: false.
	Public bool `json:"public,omitempty"`
	// Authenticated takes them only from users that an authentication handler let
	// in, and not from this machine. It is for sites behind a proxy on the same
	// machine that adds no header, as whoever comes through it looks local. Not to
	// be used with public. Default: false.
	Authenticated bool `json:"authenticated,omitempty"`

	app   *App
	log   *zap.Logger
	rates *rates
}

// CaddyModule describes the module.
func (*Ingest) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.jobs_ingest", New: func() caddy.Module { return new(Ingest) }}
}

// Provision finds the app and its store.
func (i *Ingest) Provision(ctx caddy.Context) (err error) {
	if i.Job != "" && (i.Path != "" || i.StatePath != "") {
		return errors.New("path and state_path exclude job")
	}
	if i.Path == "" {
		i.Path = defaultPath
	}
	if i.StatePath == "" {
		i.StatePath = defaultStatePath
	}
	if i.MaxSize == 0 {
		i.MaxSize = defaultMaxSize
	}
	if i.MaxEvent == 0 {
		i.MaxEvent = defaultMaxEvent
	}
	i.rates = newRates(i.Rate)
	i.log = ctx.Logger()
	joinServer(ctx)
	if i.app, err = jobsApp(ctx, i.Store); err == nil && i.Rate > 0 {
		i.app.adviseProxies(ctx)
	}
	return err
}

// Validate reports settings that cannot work.
func (i *Ingest) Validate() error {
	if i.MaxSize < 0 {
		return fmt.Errorf("max_size is %d bytes; it must not be negative", i.MaxSize)
	}
	if i.MaxEvent < 0 || i.Rate < 0 {
		return errors.New("max_event and rate must not be negative")
	}
	if i.Public && i.Authenticated {
		return errors.New("public and authenticated exclude each other")
	}
	if err := hosts(i.AllowedHosts).validate(); err != nil {
		return err
	}
	if err := pattern(i.Path).validate(); err != nil {
		return err
	}
	if err := pattern(i.StatePath).validate(); err != nil {
		return fmt.Errorf("state_%w", err)
	}
	return nil
}

// ServeHTTP takes events or a state, or passes the request on.
func (i *Ingest) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	var path pattern
	var take func(r *http.Request, job string, body []byte) (any, error)
	switch r.Method {
	case http.MethodPost:
		path, take = pattern(i.Path), i.takeEvents
	case http.MethodPut:
		path, take = pattern(i.StatePath), i.takeState
	default:
		return next.ServeHTTP(w, r)
	}
	job, ok := i.jobID(r, path)
	if !ok {
		return next.ServeHTTP(w, r)
	}
	visit := arrive(w, r)
	defer visit.leave()
	answer, err := i.serve(visit, job, take)
	return visit.answer(func(w http.ResponseWriter) error {
		if err != nil {
			visit.hurry() // it may not have been read
			i.refuse(w, r, err)
			return nil
		}
		return answerJSON(w, http.StatusOK, answer)
	})
}

func (i *Ingest) jobID(r *http.Request, path pattern) (id string, ok bool) {
	if i.Job == "" {
		return path.match(r)
	}
	id = replace(r, i.Job)
	return id, id != ""
}

// serve lets the body be taken, if the client may send it.
func (i *Ingest) serve(visit *visit, job string, take func(*http.Request, string, []byte) (any, error)) (any, error) {
	r := visit.r
	if err := i.admit(r); err != nil {
		return nil, err
	}
	if !possible(job) {
		return nil, fmt.Errorf("%w: no job can have this id; ids are of 1 to %d bytes without control characters", joblog.ErrInvalid, maxJobID)
	}
	body, err := i.read(visit)
	if err != nil {
		return nil, err
	}
	return take(r, job, body)
}

// errTooLarge is wrapped where an event is larger than what is taken.
var errTooLarge = errors.New("too large")

func (i *Ingest) takeEvents(r *http.Request, job string, body []byte) (any, error) {
	key := r.Header.Get("Idempotency-Key")
	if len(key) > maxKey {
		return nil, fmt.Errorf("%w: the Idempotency-Key is longer than %d bytes", joblog.ErrInvalid, maxKey)
	}
	events, err := parseEvents(r.Header, body)
	if err != nil {
		return nil, err
	}
	for n := range events {
		if len(events[n].Message)+len(events[n].Severity) > int(i.MaxEvent) {
			return nil, fmt.Errorf("%w: event %d has more than %d bytes", errTooLarge, n+1, i.MaxEvent)
		}
	}
	if err := i.rates.take(clientOf(r, ""), len(events)); err != nil {
		return nil, err
	}
	ids, err := i.app.append(r.Context(), i.Store, joblog.Batch{Job: job, Events: events, Key: key, Digest: digest(job, body)})
	return struct {
		IDs []int64 `json:"ids"`
	}{ids}, err
}

// digest tells the contents of requests apart.
func digest(job string, body []byte) string {
	sum := sha256.Sum256(append([]byte(job+"\x00"), body...))
	return hex.EncodeToString(sum[:])
}

func (i *Ingest) takeState(r *http.Request, job string, body []byte) (any, error) {
	state, err := parseState(body)
	if err != nil {
		return nil, err
	}
	if err := i.rates.take(clientOf(r, ""), 1); err != nil {
		return nil, err
	}
	return state, i.app.SetState(r.Context(), i.Store, job, state.State)
}

// refuse says why a request was not taken. Nothing of it is stored.
func (i *Ingest) refuse(w http.ResponseWriter, r *http.Request, err error) {
	var tooLarge *http.MaxBytesError
	var tooFast *tooFastError
	status := http.StatusServiceUnavailable
	switch {
	case errors.As(err, &tooLarge):
		status = http.StatusRequestEntityTooLarge
		err = fmt.Errorf("the body is larger than %d bytes; send less at a time", tooLarge.Limit)
	case errors.Is(err, errTooSlow):
		status = http.StatusRequestTimeout
	case errors.Is(err, errCrowd):
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", "5")
	case errors.Is(err, errCutShort):
		i.log.Debug("a request was not taken", zap.Error(err))
		status, err = http.StatusBadRequest, errCutShort
	case errors.Is(err, errTooLarge):
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, &tooFast):
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.Itoa(tooFast.seconds))
	case errors.Is(err, errMisdirected):
		status = http.StatusMisdirectedRequest
	case errors.Is(err, errForbidden):
		status = http.StatusForbidden
	case errors.Is(err, errMediaType):
		status = http.StatusUnsupportedMediaType
	case errors.Is(err, joblog.ErrInvalid):
		status = http.StatusBadRequest
	case errors.Is(err, joblog.ErrUnknownJob):
		status = http.StatusNotFound
		err = errNotFound // the store's own words tell where it is
	case errors.Is(err, joblog.ErrKeyReused):
		status = http.StatusUnprocessableEntity
		err = joblog.ErrKeyReused
	case errors.Is(err, joblog.ErrUnsupported):
		status = http.StatusNotImplemented
	case errors.Is(err, context.Canceled): // by the client, who hears nothing of it
		i.log.Debug("a request was not taken", zap.Error(err))
	default:
		i.log.Error("the store took no events", zap.Error(err))
		w.Header().Set("Retry-After", "5")
		err = errors.New("the store takes nothing at the moment; send it again, with an Idempotency-Key so that nothing is stored twice")
	}
	if status == http.StatusTooManyRequests && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close") // as refusal.write says
	}
	sentence(w, status, err.Error())
}

var (
	_ caddy.Provisioner           = (*Ingest)(nil)
	_ caddy.Validator             = (*Ingest)(nil)
	_ caddyhttp.MiddlewareHandler = (*Ingest)(nil)
)
