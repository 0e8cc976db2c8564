package caddyjobs

import (
	"errors"
	"fmt"
	"net"
	"net/http"
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

// isLocal reports whether a request comes from this machine, and not through
// a proxy on it that serves strangers.
func isLocal(r *http.Request) bool {
	for _, name := range []string{"Forwarded", "X-Forwarded-For", "X-Real-Ip"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr == "" || r.RemoteAddr == "@" // a unix socket's peer has no address
	}
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback()
}
