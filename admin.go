package caddyjobs

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyjobs/caddyjobs/parking"
)

func init() { caddy.RegisterModule(adminAPI{}) }

// adminAPI is the module admin.api.jobs: on Caddy's admin endpoint it shows what
// is watched and who watches, ends streams, and forgets what is kept in memory.
//
//	GET    /jobs/watched?store=&after=&limit=       the watched jobs
//	GET    /jobs/viewers?store=&job=&after=&limit=  the viewers
//	DELETE /jobs/viewers/{viewer}                   ends a viewer's stream
//	DELETE /jobs/cache?store=                       forgets all that is kept of logs
//	DELETE /jobs/cache/{job}?store=                 forgets what is kept of a job's log
type adminAPI struct{}

// CaddyModule describes the module.
func (adminAPI) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "admin.api.jobs", New: func() caddy.Module { return new(adminAPI) }}
}

const (
	watchedPath = "/jobs/watched"
	viewersPath = "/jobs/viewers"
	cachePath   = "/jobs/cache"
)

// Routes are the paths served.
func (a adminAPI) Routes() []caddy.AdminRoute {
	return []caddy.AdminRoute{
		{Pattern: watchedPath, Handler: caddy.AdminHandlerFunc(a.watched)},
		{Pattern: viewersPath, Handler: caddy.AdminHandlerFunc(a.viewers)},
		{Pattern: viewersPath + "/", Handler: caddy.AdminHandlerFunc(a.kick)},
		{Pattern: cachePath, Handler: caddy.AdminHandlerFunc(a.forget)},
		{Pattern: cachePath + "/", Handler: caddy.AdminHandlerFunc(a.forget)},
	}
}

// Bounds of a page.
const (
	defaultLimit = 100
	largestLimit = 1000
)

// watchedJob is a job of which there are viewers.
type watchedJob struct {
	Store   string `json:"store"`
	Job     string `json:"job"`
	Viewers int    `json:"viewers"`
}

// watched shows a page of the watched jobs, by store and job. after is where
// the page before it ended: next, as it was there.
func (adminAPI) watched(w http.ResponseWriter, r *http.Request) error {
	limit, err := page(r)
	if err != nil {
		return err
	}
	jobs := watchedBy(r.URL.Query().Get("store"))
	key := func(j watchedJob) string { return url.PathEscape(j.Store) + "/" + j.Job }
	slices.SortFunc(jobs, func(a, b watchedJob) int { return cmp.Compare(key(a), key(b)) })
	after := r.URL.Query().Get("after")
	from := slices.IndexFunc(jobs, func(j watchedJob) bool { return key(j) > after })
	if from < 0 {
		from = len(jobs)
	}
	var answer struct {
		Jobs []watchedJob `json:"jobs"`
		Next string       `json:"next,omitempty"`
	}
	answer.Jobs = append([]watchedJob{}, jobs[from:min(from+limit, len(jobs))]...)
	if from+limit < len(jobs) {
		answer.Next = key(jobs[from+limit-1])
	}
	return show(w, answer)
}

// watchedBy are the jobs of a store, or of all, that have viewers.
func watchedBy(store string) []watchedJob {
	counts := map[watchedJob]int{}
	for _, v := range everyone.all(func(v *viewer) bool { return store == "" || store == v.store() }) {
		counts[watchedJob{Store: v.store(), Job: v.job.ID}]++
	}
	jobs := make([]watchedJob, 0, len(counts))
	for j, n := range counts {
		j.Viewers = n
		jobs = append(jobs, j)
	}
	return jobs
}

// store is the name that the viewer's store has in the running config.
func (v *viewer) store() string { return v.hub.tunables.Load().name }

// shownViewer is a viewer as the admin endpoint shows it.
type shownViewer struct {
	Viewer   uint64     `json:"viewer"`
	Store    string     `json:"store"`
	Job      string     `json:"job"`
	Address  netip.Addr `json:"address"`
	User     string     `json:"user,omitempty"`
	Protocol string     `json:"protocol"`
	Path     string     `json:"path"`
	Since    time.Time  `json:"since"`
	Events   int64      `json:"events"`
	Bytes    int64      `json:"bytes"`
	Lag      int64      `json:"lag"`  // events that it has yet to be sent; unknown, and 0, until it is live
	Live     bool       `json:"live"` // it has caught up, and lags at most by lag
	Parked   bool       `json:"parked"`
}

// viewers shows a page of the viewers, in the order in which they came.
func (adminAPI) viewers(w http.ResponseWriter, r *http.Request) error {
	limit, err := page(r)
	if err != nil {
		return err
	}
	q := r.URL.Query()
	after, err := strconv.ParseUint(cmp.Or(q.Get("after"), "0"), 10, 64)
	if err != nil {
		return badAdmin("after: %q is no viewer's number", q.Get("after"))
	}
	all := everyone.all(func(v *viewer) bool {
		return v.number > after && (q.Get("job") == "" || q.Get("job") == v.job.ID) && (q.Get("store") == "" || q.Get("store") == v.store())
	})
	var answer struct {
		Viewers []shownViewer `json:"viewers"`
		Next    uint64        `json:"next,omitempty"`
	}
	answer.Viewers = []shownViewer{}
	for _, v := range all[:min(limit, len(all))] {
		answer.Viewers = append(answer.Viewers, v.show())
	}
	if limit < len(all) {
		answer.Next = all[limit-1].number
	}
	return show(w, answer)
}

func (v *viewer) show() shownViewer {
	s := shownViewer{
		Viewer: v.number, Store: v.store(), Job: v.job.ID, Address: v.address, User: v.user, Protocol: v.protocol, Path: v.path,
		Since: v.begun, Bytes: v.bytes(), Parked: v.wire.Load() != nil,
	}
	if stream := v.shown.Load(); stream != nil {
		s.Events, s.Lag, s.Live = stream.Progress()
	}
	return s
}

// kick ends a viewer's stream. Its client comes again, not soon.
func (adminAPI) kick(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodDelete {
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: errors.New("viewers can be deleted, no more")}
	}
	word := strings.TrimPrefix(r.URL.Path, viewersPath+"/")
	number, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		return badAdmin("%q is no viewer's number", word)
	}
	v := everyone.viewer(number)
	if v == nil {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: errors.New("there is no such viewer")}
	}
	v.end(kicked, time.Now())
	v.hub.summon()
	time.AfterFunc(parking.Parting, v.stop)
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// forget lets go of what is kept in memory of a job's log, or of all: who comes is
// shown what the database then has. It is no error if nothing is.
func (adminAPI) forget(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodDelete {
		return caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: errors.New("what is kept can be deleted, no more")}
	}
	word, one := strings.CutPrefix(r.URL.EscapedPath(), cachePath+"/")
	job, err := url.PathUnescape(word)
	if err != nil || one && !possible(job) {
		return badAdmin("%q is no job's id", word)
	}
	store, found := r.URL.Query().Get("store"), false
	hubs.Range(func(_, value any) bool {
		if h := value.(*hub); store == "" || h.called(store) {
			h.clear(func(id string) bool { return !one || strings.EqualFold(id, job) }) // a database may write it otherwise
			found = true
		}
		return true
	})
	if store != "" && !found {
		return caddy.APIError{HTTPStatus: http.StatusNotFound, Err: fmt.Errorf("there is no store named %q", store)}
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// called reports whether the hub's store has a name in a running config.
func (h *hub) called(name string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.ContainsFunc(h.members, func(t *tunables) bool { return t.name == name })
}

// page is how much is wanted of a list.
func page(r *http.Request) (limit int, err error) {
	if r.Method != http.MethodGet {
		return 0, caddy.APIError{HTTPStatus: http.StatusMethodNotAllowed, Err: errors.New("only GET is")}
	}
	word := cmp.Or(r.URL.Query().Get("limit"), strconv.Itoa(defaultLimit))
	if limit, err = strconv.Atoi(word); err != nil || limit < 1 || limit > largestLimit {
		return 0, badAdmin("limit: %q is not a number from 1 to %d", word, largestLimit)
	}
	return limit, nil
}

func badAdmin(format string, args ...any) error {
	return caddy.APIError{HTTPStatus: http.StatusBadRequest, Err: fmt.Errorf(format, args...)}
}

func show(w http.ResponseWriter, answer any) error {
	w.Header().Set("Content-Type", "application/json")
	return json.NewEncoder(w).Encode(answer)
}

var _ caddy.AdminRouter = adminAPI{}
