package caddyjobs

import (
	"bytes"
	"fmt"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp/encode"

	embedded "github.com/caddyjobs/caddyjobs/viewer" // viewer is who watches
)

const defaultPage = "/jobs/{id}"

func init() { caddy.RegisterModule(new(Page)) }

// Page is the handler http.handlers.jobs_viewer. It serves a page that shows a
// job's log, live, and what the page needs: the same for every job, known or
// not, as the log itself is asked for by the page. Requests for other paths, or
// that are neither GET nor HEAD, go to the next handler.
type Page struct {
	// Path is the path of the pages, in which the segment {id} stands for the
	// job's id. Their files are in _viewer beside them. Default: /jobs/{id}.
	Path string `json:"path,omitempty"`
	// Logs is where the log of the job {id} is: a path, or a URL of another
	// origin, which must have this one in its cors. Default: the page's path with
	// /logs after it.
	Logs string `json:"logs,omitempty"`
	// Index is whether there is a page of the jobs that have the newest lines, in
	// the directory of the path, which tells whoever may open it which jobs there
	// are and how they are. Default: false.
	Index bool `json:"index,omitempty"`
	// Owner is who opens the index, a placeholder such as
	// {http.auth.user.tenant}. Only jobs whose owner column has this value are in
	// it, and none are if it is empty. Default: none, everybody sees every job.
	Owner string `json:"owner,omitempty"`
	// Store is the name of the store whose jobs are in the index. Default: default.
	Store string `json:"store,omitempty"`
	// AllowedHosts are the names of hosts, without port, at which the index tells
	// of jobs, as those of jobs_logs. Default: all that the site has.
	AllowedHosts []string `json:"allowed_hosts,omitempty"`

	origin string // of Logs; empty if it is the page's
	app    *App   // nil without an index
}

// CaddyModule describes the module.
func (*Page) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "http.handlers.jobs_viewer", New: func() caddy.Module { return new(Page) }}
}

// Provision sets what is not set, and finds the index's app and store.
func (p *Page) Provision(ctx caddy.Context) error {
	if p.Path == "" {
		p.Path = defaultPage
	}
	if u, err := url.Parse(p.Logs); err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" {
		p.origin = u.Scheme + "://" + u.Host
	}
	joinServer(ctx)
	return p.provisionIndex(ctx)
}

// Validate reports settings that cannot work.
func (p *Page) Validate() error {
	if err := pattern(p.Path).validate(); err != nil {
		return err
	}
	if err := p.validateLogs(); err != nil {
		return err
	}
	return p.validateIndex()
}

// validateLogs reports what is neither a path nor a URL that has one. To browsers,
// a host follows two slashes.
func (p *Page) validateLogs() error {
	rest := strings.TrimPrefix(p.Logs, p.origin)
	if p.Logs == "" || !strings.HasPrefix(rest, "//") && pattern(rest).validate() == nil {
		return nil
	}
	return fmt.Errorf("logs: %q must be a path or an http or https URL, with one whole segment %s; write it as /jobs/{id}/logs or https://logs.example.com/jobs/{id}/logs",
		p.Logs, segmentID)
}

// ServeHTTP serves a page or a file of it, or passes the request on.
func (p *Page) ServeHTTP(w http.ResponseWriter, r *http.Request, next caddyhttp.Handler) error {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return next.ServeHTTP(w, r)
	}
	serve := p.serves(r)
	if serve == nil {
		return next.ServeHTTP(w, r)
	}
	return attend(w, r, func(w http.ResponseWriter) error {
		serve(w, r)
		return nil
	})
}

// serves is what serves a request; nil if nothing here does.
func (p *Page) serves(r *http.Request) http.HandlerFunc {
	if id, ok := pattern(p.Path).match(r); ok && id != "" {
		return func(w http.ResponseWriter, r *http.Request) { p.servePage(w, r, id) }
	}
	if serve := p.servesIndex(r); serve != nil {
		return serve
	}
	if f, lasts := p.file(r); f != nil {
		return func(w http.ResponseWriter, r *http.Request) {
			shareFile(w.Header(), lasts)
			serveFile(w, r, f)
		}
	}
	return nil
}

func (p *Page) servePage(w http.ResponseWriter, r *http.Request, id string) {
	source := strings.Replace(p.Logs, segmentID, url.PathEscape(id), 1)
	f, policy := embedded.Page(pattern(p.Path).after(), source, p.origin)
	serveShell(w, r, f, policy)
}

// serveShell serves a page that asks for what it shows.
func serveShell(w http.ResponseWriter, r *http.Request, f *embedded.File, policy string) {
	h := w.Header()
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "no-referrer") // the address may have a link
	h.Set("Cache-Control", "no-cache")
	serveFile(w, r, f)
}

// file is the file that a request is for, nil if it is for none, and whether
// its name lasts: the content under it never changes.
func (p *Page) file(r *http.Request) (f *embedded.File, lasts bool) {
	name := path.Base(r.URL.Path)
	if _, ok := pattern(p.dir() + "/" + embedded.Dir + name).match(r); !ok {
		return nil, false
	}
	return embedded.Find(name)
}

// shareFile lets any page load a file, and keep it if its name lasts.
func shareFile(h http.Header, lasts bool) {
	h.Set("Cache-Control", "no-cache")
	if lasts {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
}

func serveFile(w http.ResponseWriter, r *http.Request, f *embedded.File) {
	h, content, tag := w.Header(), f.Plain, f.Hash
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", f.Type)
	h.Add("Vary", "Accept-Encoding")
	if f.Gzip != nil && slices.Contains(encode.AcceptedEncodings(r, nil), "gzip") {
		h.Set("Content-Encoding", "gzip")
		content, tag = f.Gzip, tag+"-gzip"
	}
	h.Set("ETag", strconv.Quote(tag))
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

var (
	_ caddy.Provisioner           = (*Page)(nil)
	_ caddy.Validator             = (*Page)(nil)
	_ caddyhttp.MiddlewareHandler = (*Page)(nil)
)
