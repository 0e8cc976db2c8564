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

// changed tracks a connection's state. It is a server's ConnState hook, which is called
// for an HTTP/2 connection only after its preface.
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

// cut closes all of them, and every later one.
func (a *awaited) cut() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.over = true
	for c := range a.conns {
		go func() { _ = c.Close() }() // TLS sends close_notify first, which may block
	}
}
