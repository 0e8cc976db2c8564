package caddyjobs

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
)

// TestAwaited closes the connections that have not sent a request yet, later ones too,
// and no others.
func TestAwaited(t *testing.T) {
	n := &awaited{conns: map[net.Conn]struct{}{}}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }))
	s.Config.ConnState = n.changed
	s.Start()
	defer s.Close()
	dial := func(said string) net.Conn {
		c, err := net.Dial("tcp", s.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		fmt.Fprint(c, said)
		return c
	}
	closed := func(c net.Conn) bool {
		_, err := c.Read(make([]byte, 1))
		return err != nil
	}
	const request = "GET / HTTP/1.1\r\nHost: site\r\n\r\n"
	asks := func(c net.Conn) {
		t.Helper()
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
	}
	silent, half, served := dial(""), dial(request[:20]), dial(request)
	asks(served)
	eventually(t, "two are new", func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return len(n.conns) == 2
	})
	n.cut()
	if !closed(silent) || !closed(half) || !closed(dial("")) {
		t.Error("one is open")
	}
	fmt.Fprint(served, request)
	asks(served)
}
