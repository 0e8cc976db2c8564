package caddyjobs

import (
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// hosts are the names that a handler answers to; all if there are none. A
// stranger can have a name of their own lead to a server in their visitor's
// network, or machine: to the browser their page is then of the same origin, and
// only the name tells.
type hosts []string

// validate reports the first entry that is no name of a host.
func (h hosts) validate() error {
	for _, name := range h {
		_, err := netip.ParseAddr(name)
		if name == "" || err != nil && strings.ContainsAny(name, "/:*@[] ") {
			return fmt.Errorf("allowed_hosts: %q is not the name of a host; write it without scheme and port, such as logs.example.com", name)
		}
	}
	return nil
}

// allow reports whether a request is to one of the hosts.
func (h hosts) allow(r *http.Request) bool {
	return len(h) == 0 || slices.ContainsFunc(h, func(name string) bool { return strings.EqualFold(name, hostOf(r)) })
}

// misdirected refuses a request to another host.
func misdirected() *refusal {
	return &refusal{http.StatusMisdirectedRequest, errMisdirected.Error(), "host"}
}

// hostOf is the host that a request is to, without port and brackets.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.TrimSuffix(strings.Trim(host, "[]"), ".")
}

// isLoopback reports whether a host's name can be of this machine only.
func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || strings.EqualFold(host, "localhost")
}
