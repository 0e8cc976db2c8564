package caddyjobs

import (
	"net/http"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Names of the cookie that a link is exchanged for. Browsers keep the first one
// from whoever is not this host over TLS.
const (
	secureCookie = "__Secure-jobs-link"
	plainCookie  = "jobs-link"
)

// linkCookies are the links that a client got as cookies.
func linkCookies(r *http.Request) (links []string) {
	for _, name := range []string{secureCookie, plainCookie} {
		for _, c := range r.CookiesNamed(name) {
			links = append(links, c.Value)
		}
	}
	return links
}

// keepLink gives the client the link that let it in as a cookie, for what is at
// a path and below.
func keepLink(w http.ResponseWriter, p *permit, path string, secure bool) {
	c := &http.Cookie{
		Name: plainCookie, Value: p.link, Path: path, MaxAge: max(1, int(time.Until(p.expires).Seconds())),
		HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if secure {
		c.Name, c.Secure = secureCookie, true
	}
	http.SetCookie(w, c)
}

// jobPath is the path of a request, as the client knows it, up to the job's id;
// the whole of it where no pattern says which that is.
func (l *Logs) jobPath(r *http.Request) string {
	original := r
	if o, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		original = &o
	}
	segments := strings.Split(original.URL.EscapedPath(), "/")
	if _, after, _ := strings.Cut(l.Path, segmentID); l.Job == "" {
		segments = segments[:max(0, len(segments)-strings.Count(after, "/"))]
	}
	return strings.Join(segments, "/")
}
