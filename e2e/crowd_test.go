package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

// TestOneAddress has 10,000 connections come from one address, of which as many
// may stay as the limit says, and viewers from another one: these notice nothing.
func TestOneAddress(t *testing.T) {
	const limit, rounds, each = 100, 10, 1000
	c := config{binary: plainCaddy, jobs: fmt.Sprintf("limits {\n per_address %d\n }", limit)}
	onBothStores(t, c, func(t *testing.T, a *app, s *server) {
		besides(t, a, s, 96<<20, func() {
			in := 0
			for range rounds {
				var comers []*comer
				for range each {
					comers = append(comers, s.comeFrom(t, "127.0.0.2"))
				}
				for _, c := range comers {
					if c.letIn(t) {
						in++ // and stays
						continue
					}
					_ = c.conn.Close()
				}
			}
			if in != limit {
				t.Errorf("%d of %d were let in, want %d", in, rounds*each, limit)
			}
		})
	})
}

// comer is who has asked for a log, and has not been answered yet.
type comer struct {
	conn   net.Conn
	answer *bufio.Reader
}

// comeFrom connects from an address of this machine, until the test ends.
func (s *server) comeFrom(t *testing.T, address string) *comer {
	t.Helper()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}}
	conn, err := dialer.DialContext(t.Context(), "tcp4", strings.TrimPrefix(s.http, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.(*net.TCPConn).SetLinger(0); err != nil { // or each would keep its port for a minute
		t.Fatal(err)
	}
	if _, err := io.WriteString(conn, "GET /jobs/watched/logs HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	return &comer{conn, bufio.NewReaderSize(conn, 512)}
}

// letIn reads until the log is told whole, or a refusal is.
func (c *comer) letIn(t *testing.T) bool {
	t.Helper()
	if err := c.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	for {
		line, err := c.answer.ReadString('\n')
		switch {
		case err != nil:
			t.Fatal(err)
		case line == "event: caught_up\n":
			return true
		case line == "event: error\n":
			return false
		case strings.HasPrefix(line, "HTTP/1.1 ") && !strings.HasPrefix(line, "HTTP/1.1 200 "):
			t.Fatalf("the answer is %q", line)
		}
	}
}
