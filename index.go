package caddyjobs

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyjobs/caddyjobs/joblog"
	embedded "github.com/caddyjobs/caddyjobs/viewer" // as in page.go
)

// provisionIndex finds what only the index needs.
func (p *Page) provisionIndex(ctx caddy.Context) (err error) {
	if p.Index {
		p.app, err = jobsApp(ctx, p.Store)
	}
	return err
}

// validateIndex reports settings of the index that cannot work.
func (p *Page) validateIndex() error {
	switch {
	case !p.Index && (p.Owner != "" || p.Store != "" || p.AllowedHosts != nil):
		return errors.New("owner, store and allowed_hosts are of the index: add index")
	case !p.Index:
		return nil
	case strings.Contains(p.dir(), segmentID):
		return fmt.Errorf("index: it would be at %s/, where %s has no place; let the path end with it, as %s does", p.dir(), segmentID, defaultPage)
	case p.Owner != "" && !p.app.hasOwners(p.Store):
		return errNoOwners
	}
	return hosts(p.AllowedHosts).validate()
}

// dir is the directory of the pages, without a slash at its end.
func (p *Page) dir() string { return strings.TrimSuffix(path.Dir(p.Path), "/") }

// servesIndex is what serves the index or what it shows; nil if the request is for
// neither.
func (p *Page) servesIndex(r *http.Request) http.HandlerFunc {
	at := func(path string) bool {
		_, ok := pattern(path).match(r)
		return p.Index && path != "" && ok
	}
	switch {
	case at(p.dir() + "/"):
		return func(w http.ResponseWriter, r *http.Request) {
			f, policy := embedded.Index()
			serveShell(w, r, f, policy)
		}
	case at(p.dir()): // links are relative to what follows a slash
		return p.redirect
	case at(p.dir() + "/" + embedded.Dir + "recent.json"):
		return func(w http.ResponseWriter, r *http.Request) {
			if refused := p.serveRecent(w, r); refused != nil {
				refused.write(w, r, joblog.NDJSON)
			}
		}
	default:
		return nil
	}
}

// redirect leads to the index.
func (p *Page) redirect(w http.ResponseWriter, r *http.Request) {
	to := url.URL{Path: path.Base(p.dir()) + "/", RawQuery: r.URL.RawQuery}
	w.Header().Set("Location", "./"+strings.TrimPrefix(to.String(), "./"))
	w.Header().Set("Cache-Control", "no-cache") // there may be none tomorrow
	w.WriteHeader(http.StatusPermanentRedirect)
}

// serveRecent serves the recent jobs of whoever asks.
func (p *Page) serveRecent(w http.ResponseWriter, r *http.Request) *refusal {
	switch {
	case !hosts(p.AllowedHosts).allow(r):
		return misdirected()
	case cors(nil).foreign(r):
		return &refusal{http.StatusForbidden, "pages of this origin may not look with their visitors' credentials", "origin"}
	}
	hub, err := p.app.lease(p.Store)
	if err != nil {
		return &refusal{reason: err.Error(), kind: "store"}
	}
	defer hub.release()
	whose := joblog.Ask{AnyOwner: p.Owner == ""}
	if !whose.AnyOwner {
		whose.Owner = replace(r, p.Owner)
	}
	jobs, err := hub.recents.shown.get(r.Context(), whose)
	switch {
	case errors.Is(err, joblog.ErrUnsupported):
		return &refusal{http.StatusNotImplemented, "the store does not know which jobs are recent", "store"}
	case err != nil:
		return unread("jobs", err)
	}
	h := w.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	if err := answerJSON(w, http.StatusOK, map[string]any{"jobs": jobs}); err != nil {
		return &refusal{reason: err.Error(), kind: "store"}
	}
	return nil
}
