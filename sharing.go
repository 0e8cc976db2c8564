package caddyjobs

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// Names of the cookie that a link is exchanged for. Browsers take the first one
// over TLS only.
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
// a path and below. No cookie can have a path with a semicolon: such clients
// keep the link.
func keepLink(w http.ResponseWriter, p *permit, path string, secure bool) {
	if strings.Contains(path, ";") {
		return
	}
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
// the whole of it where that has another shape.
func (l *Logs) jobPath(r *http.Request, job string) string {
	original := r
	if o, ok := r.Context().Value(caddyhttp.OriginalRequestCtxKey).(http.Request); ok {
		original = &o
	}
	whole := original.URL.EscapedPath()
	_, after, _ := strings.Cut(l.Path, segmentID)
	path, ok := strings.CutSuffix(whole, after)
	if last, err := url.PathUnescape(path[strings.LastIndexByte(path, '/')+1:]); l.Job != "" || !ok || err != nil || last != job {
		return whole
	}
	return path
}

// isSecure reports whether the client speaks TLS: with this server, or with a
// proxy that it trusts.
func isSecure(r *http.Request) bool {
	trusted, _ := caddyhttp.GetVar(r.Context(), caddyhttp.TrustedProxyVarKey).(bool)
	return r.TLS != nil || trusted && r.Header.Get("X-Forwarded-Proto") == "https"
}
