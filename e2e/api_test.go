package e2e

import (
	"fmt"
	"net"
	"net/http"
	"sync"
	"testing"
)

// api is the server of the application, which Caddy asks who may watch. Sessions
// are cookies: hers and his are of tenants, mute is of somebody without one.
type api struct {
	*relay  // by which Caddy reaches it
	address string

	mu          sync.Mutex
	asked       []string // what for, by X-Forwarded-Uri
	connections int
	status      int  // that it answers everybody with; 0 to look at them
	open        bool // whether everybody is her
}

// newAPI serves until the test ends.
func newAPI(t *testing.T) *api {
	t.Helper()
	l := listen(t)
	a := &api{relay: newRelay(t, l.Addr().String()), address: l.Addr().String()}
	server := &http.Server{Handler: a, ConnState: func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			a.set(func() { a.connections++ })
		}
	}}
	served := make(chan struct{})
	go func() {
		defer close(served)
		_ = server.Serve(l) // it ends by Close
	}()
	t.Cleanup(func() {
		_ = server.Close()
		<-served
	})
	return a
}

func (a *api) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.URL.Path != "/may-watch" {
		fmt.Fprint(w, "the application")
		return
	}
	a.asked = append(a.asked, r.Method+" "+r.Header.Get("X-Forwarded-Uri"))
	session, err := r.Cookie("session")
	switch {
	case a.status != 0:
		http.Error(w, "the application has a bad day", a.status)
	case a.open:
		w.Header().Set("Tenant", "hers")
		w.WriteHeader(http.StatusNoContent)
	case err != nil:
		http.Error(w, "sign in", http.StatusForbidden)
	case session.Value == "mute":
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Tenant", session.Value)
		w.WriteHeader(http.StatusNoContent)
	}
}

// set changes it.
func (a *api) set(change func()) {
	a.mu.Lock()
	defer a.mu.Unlock()
	change()
}

// forget returns what it was asked since the last time.
func (a *api) forget() (asked []string) {
	a.set(func() { asked, a.asked = a.asked, nil })
	return asked
}

// down has nobody reach it, until it is up again.
func (a *api) down() {
	a.lead("")
	a.cut()
}

func (a *api) up() { a.lead(a.address) }
