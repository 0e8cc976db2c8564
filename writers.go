package caddyjobs

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
)

var (
	// errForbidden is wrapped where a client may not send anything.
	errForbidden = errors.New("not allowed")
	// errMisdirected is returned where the host is not one of those allowed.
	errMisdirected = errors.New("this host is not served here")
)

// admit returns errForbidden or errMisdirected unless the client may send
// events and states.
func (i *Ingest) admit(r *http.Request) error {
	// A page of another site must not write through its visitor's browser.
	if err := http.NewCrossOriginProtection().Check(r); err != nil {
		return fmt.Errorf("%w: %w", errForbidden, err)
	}
	if !hosts(i.AllowedHosts).allow(r) {
		return errMisdirected
	}
	if i.Public || replace(r, userPlaceholder) != "" {
		return nil
	}
	switch {
	case i.Authenticated:
		return fmt.Errorf("%w: events are taken from authenticated users; put an authentication handler before jobs_ingest", errForbidden)
	case !isLocal(r):
	case fromPage(r) && len(i.AllowedHosts) == 0 && !isLoopback(hostOf(r)):
		return fmt.Errorf("%w: pages at %.80q are not taken for ones of this machine, as anybody's name may lead here; name it with allowed_hosts", errForbidden, hostOf(r))
	default:
		return errHop(r)
	}
	return fmt.Errorf("%w: events are taken from this machine and from authenticated users; put an authentication handler before jobs_ingest, or say allow public", errForbidden)
}

// fromPage reports whether a browser makes a request for a page.
func fromPage(r *http.Request) bool {
	return r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
}

// direct are the headers that a client of this machine sends by itself: a browser,
// curl, a library, and what traces or tells requests apart. Those that end with a
// dash are all that begin so.
var direct = []string{
	"Accept", "Accept-", "Access-Control-Request-", "Api-Key", "Authorization", "B3", "Baggage", "Cache-Control", "Connection", "Content-",
	"Cookie", "Date", "Digest", "Dnt", "Expect", "Idempotency-Key", "If-", "Keep-Alive", "Last-Event-Id", "Origin", "Pragma", "Prefer", "Priority",
	"Range", "Referer", "Save-Data", "Sec-", "Sentry-Trace", "Te", "Traceparent", "Tracestate", "Trailer", "Transfer-Encoding", "Uber-Trace-Id", "Upgrade",
	"Upgrade-Insecure-Requests", "User-Agent", "Want-", "X-Api-Key", "X-B3-", "X-Correlation-Id", "X-Csrf-Token", "X-Datadog-", "X-Request-Id",
	"X-Requested-With", "X-Xsrf-Token",
}

// isDirect reports whether a client may send a header by itself.
func isDirect(name string) bool {
	return slices.ContainsFunc(direct, func(known string) bool {
		return name == known || strings.HasSuffix(known, "-") && strings.HasPrefix(name, known)
	})
}

// errHop is why a request is not taken for one of this machine: it has a header
// that may be a proxy's, which serves strangers. There is no list of all that proxies
// add, so it is the other headers that are listed.
func errHop(r *http.Request) error {
	for _, name := range slices.Sorted(maps.Keys(r.Header)) {
		if !isDirect(name) {
			return fmt.Errorf("%w: the header %.80q may be a proxy's, so this is not taken for a request of this machine; "+
				"leave it out, or put an authentication handler before jobs_ingest", errForbidden, name)
		}
	}
	return nil
}

// isLocal reports whether a request comes from this machine, or from a proxy on it.
func isLocal(r *http.Request) bool {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr == "" || r.RemoteAddr == "@" // a unix socket's peer has no address
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
