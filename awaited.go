package caddyjobs

import (
	"net"
	"net/http"
	"reflect"
	"sync"
)

// awaited are the connections of servers with a handler that have yet to send their
// first request. A server that shuts down waits 5 s for it, and over HTTP/2 10 s.
type awaited struct {
	mu    sync.Mutex
	conns map[net.Conn]struct{}
	over  bool // all are closed, as the process exits
}

// changed takes notice of a connection's state. It is for a server's ConnState, which
// is not told that a connection will speak HTTP/2 before that has begun.
func (a *awaited) changed(c net.Conn, state http.ConnState) {
	if !reflect.TypeOf(c).Comparable() {
		return // a listener's own; the server sees to it, later
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case state != http.StateNew:
		delete(a.conns, c)
	case a.over:
		go func() { _ = c.Close() }()
	default:
		a.conns[c] = struct{}{}
	}
}

// cut closes all there are, and those that come.
func (a *awaited) cut() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	for c := range a.conns {
		go func() { _ = c.Close() }() // TLS says goodbye first, which may block
	}
}
