package caddyjobs

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// preflightAge is how long, in seconds, a browser may remember a preflight's
// answer. Two hours is the most that Chromium takes.
const preflightAge = "7200"

// cors are the origins whose pages may read streams: scheme, host and, unless
// it is the scheme's own, port.
type cors []string

// validate reports the first entry that is not an origin.
func (c cors) validate() error {
	for _, origin := range c {
		u, err := url.Parse(origin)
		if err != nil || u.Scheme == "" || u.Host == "" || u.Scheme+"://"+u.Host != origin || unsent(u) {
			return fmt.Errorf("cors: %q is not an origin; write it as browsers do, in lower case and without the scheme's own port, such as https://app.example.com", origin)
		}
	}
	return nil
}

// unsent reports whether no browser sends an origin in this form.
func unsent(u *url.URL) bool {
	own := map[string]string{"http": "80", "https": "443"}[u.Scheme]
	return u.Port() != "" && u.Port() == own || strings.Contains(u.Host, "*") || strings.ToLower(u.Host) != u.Host
}

// allow lets the page that asks read the response, and when it was made and when
// to come again, if its origin is allowed.
func (c cors) allow(w http.ResponseWriter, r *http.Request) {
	if c.admit(w, r) {
		w.Header().Set("Access-Control-Expose-Headers", "Date, Retry-After")
	}
}

// admit names the origin of the page that asks, if it is allowed.
func (c cors) admit(w http.ResponseWriter, r *http.Request) bool {
	if len(c) == 0 {
		return false
	}
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if !slices.Contains(c, origin) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	w.Header().Set("Access-Control-Allow-Credentials", "true")
	return true
}

// preflight sets the headers of the answer to a browser that asks whether it may ask. It returns false if
// the request is none of that kind, or of a foreign origin.
func (c cors) preflight(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodOptions || r.Header.Get("Access-Control-Request-Method") == "" || !c.admit(w, r) {
		return false
	}
	w.Header().Set("Access-Control-Allow-Methods", "GET, HEAD")
	w.Header().Set("Access-Control-Allow-Headers", "Accept, Authorization, Cache-Control, Last-Event-ID")
	w.Header().Set("Access-Control-Max-Age", preflightAge)
	return true
}

// foreign reports whether a page of an origin that is not on the list makes a
// request with its visitor's credentials. CORS keeps such a page from reading
// the response, but not from opening streams. To follow a link is not foreign.
func (c cors) foreign(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if !credentialed(r) || slices.Contains(c, origin) {
		return false
	}
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin", "none":
		return false
	case "": // no browser, or an old one
		u, err := url.Parse(origin)
		return origin != "" && (err != nil || u.Host != r.Host)
	default:
		return r.Header.Get("Sec-Fetch-Mode") != "navigate" || r.Header.Get("Sec-Fetch-Dest") != "document"
	}
}

// credentialed reports whether a request has credentials of a kind that
// browsers send by themselves.
func credentialed(r *http.Request) bool {
	return r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" || replace(r, userPlaceholder) != "" ||
		r.TLS != nil && len(r.TLS.PeerCertificates) > 0
}
