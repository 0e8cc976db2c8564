package caddyjobs

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
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
		return nil
	}
	return fmt.Errorf("%w: events are taken from this machine and from authenticated users; put an authentication handler before jobs_ingest, or say allow public", errForbidden)
}

// fromPage reports whether a browser makes a request for a page.
func fromPage(r *http.Request) bool {
	return r.Header.Get("Origin") != "" || r.Header.Get("Sec-Fetch-Site") != ""
}

// forwarded are the headers by which a proxy tells that a request is not its own:
// the standard ones, the family that Caddy, Apache, HAProxy and Traefik add, and
// the single ones of nginx's usual configs and of content delivery networks. To
// have one is enough, whatever it says.
var forwarded = []string{
	"Forwarded", "Via",
	"X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Server",
	"X-Real-Ip", "X-Client-Ip", "True-Client-Ip", "Cf-Connecting-Ip",
}

// isLocal reports whether a request comes from this machine, and not through
// a proxy on it that serves strangers, as far as proxies tell.
func isLocal(r *http.Request) bool {
	if slices.ContainsFunc(forwarded, func(name string) bool { return len(r.Header.Values(name)) > 0 }) {
		return false
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr == "" || r.RemoteAddr == "@" // a unix socket's peer has no address
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
