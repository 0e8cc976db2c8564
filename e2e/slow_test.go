package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"
)

// timeouts are the servers' options that Caddyfile.example recommends, shorter.
const timeouts = `timeouts {
			read_header 2s
			read_body 2s
			idle 2s
		}
		max_header_size 16KiB`

// dial connects to the server's plain socket until the test ends.
func (s *server) dial(t *testing.T) net.Conn {
	t.Helper()
	dialer := net.Dialer{ControlContext: smallReceiveBuffer}
	c, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(s.http, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// ended waits until the server has closed a connection, and returns what it
// answered before.
func ended(t *testing.T, c net.Conn) string {
	t.Helper()
	if err := c.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(io.LimitReader(c, 1<<20))
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("the server did not cut the connection within %v", patience)
	}
	return string(answer)
}

// drip sends a header that never ends, a byte now and then, until the server
// has had enough.
func drip(t *testing.T, c net.Conn, beginning string) (cut <-chan time.Duration) {
	t.Helper()
	if _, err := io.WriteString(c, beginning); err != nil {
		t.Fatal(err)
	}
	done, start := make(chan time.Duration, 1), time.Now()
	go func() {
		for i := 0; ; i++ {
			if wait(t.Context(), 200*time.Millisecond); t.Context().Err() != nil {
				return
			}
			if _, err := c.Write([]byte{"x: \r\n"[i%5]}); err != nil {
				done <- time.Since(start)
				return
			}
		}
	}()
	return done
}

// besides runs what attackers do while a viewer watches, and checks that it got
// every line, and that the server has not grown.
func besides(t *testing.T, a *app, s *server, growth int64, attack func()) {
	t.Helper()
	const job, lines = "watched", 200
	a.addJob(t, job)
	viewers := []*transcript{watch(t, s, s.http+"/jobs/"+job+"/logs"), watch(t, s, s.https+"/jobs/"+job+"/logs")}
	a.log(t, job, lines, "before %d")
	for _, tr := range viewers {
		tr.awaitLines(t, lines)
	}
	before := s.memory(t, "VmRSS")
	s.resetPeak(t)
	attack()
	a.log(t, job, lines, "meanwhile %d")
	for _, tr := range viewers {
		tr.awaitLines(t, 2*lines)
	}
	a.setState(t, job, "completed")
	for _, tr := range viewers {
		tr.awaitEnd(t, "completed", a.rows(t, job))
	}
	peak := s.memory(t, "VmHWM")
	t.Logf("resident memory: %d KiB before, %d KiB at most", before>>10, peak>>10)
	if peak-before > growth {
		t.Errorf("the server grew by %d KiB, want at most %d", (peak-before)>>10, growth>>10)
	}
}

// TestSlowHeaders has a crowd that sends headers, and bodies, byte by byte: with
// the timeouts that are recommended it is cut, and nobody else notices.
func TestSlowHeaders(t *testing.T) {
	onBothStores(t, config{binary: plainCaddy, servers: timeouts}, func(t *testing.T, a *app, s *server) {
		const crowd = 200
		besides(t, a, s, 32<<20, func() {
			var cuts []<-chan time.Duration
			for i := range crowd {
				beginning := "GET /jobs/watched/logs HTTP/1.1\r\nHost: localhost\r\n"
				if i%2 == 0 {
					beginning = "POST /jobs/watched/logs HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 100000\r\n\r\n"
				}
				cuts = append(cuts, drip(t, s.dial(t), beginning))
			}
			for i, cut := range cuts {
				select {
				case after := <-cut:
					if after < time.Second {
						t.Errorf("connection %d was cut after %v", i, after)
					}
				case <-time.After(patience):
					t.Fatalf("connection %d was not cut", i)
				}
			}
		})
		if got := len(a.rows(t, "watched")); got != 400 {
			t.Errorf("the log has %d lines: a body that did not end was taken", got)
		}
	})
}

// TestHeaderBombs sends headers that are too large, and too many of them: they
// are refused, and cost nothing.
func TestHeaderBombs(t *testing.T) {
	onBothStores(t, config{binary: plainCaddy, servers: timeouts}, func(t *testing.T, a *app, s *server) {
		bombs := map[string]string{
			"one of 1 MiB":             "X: " + strings.Repeat("x", 1<<20) + "\r\n",
			"10,000":                   strings.Repeat("X-Y: z\r\n", 10_000),
			"a Last-Event-ID of 1 MiB": "Last-Event-ID: 7~" + strings.Repeat("0-", 1<<19) + "\r\n",
			"a request line of 1 MiB":  "",
		}
		besides(t, a, s, 48<<20, func() {
			for name, bomb := range bombs {
				for range 20 {
					c := s.dial(t)
					path := "/jobs/watched/logs"
					if bomb == "" {
						path += "?lastEventId=" + strings.Repeat("9", 1<<20)
					}
					go func() { _, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: localhost\r\n"+bomb+"\r\n") }() // it is cut
					if answer := ended(t, c); !strings.HasPrefix(answer, "HTTP/1.1 431 ") {
						t.Fatalf("%s: the answer is %.100q, want 431", name, answer)
					}
				}
			}
		})
	})
}

// TestSlowReaders has a crowd that asks for a long log, and reads nothing: the
// others get every line, and what is kept for it does not grow with the log.
func TestSlowReaders(t *testing.T) {
	onBothStores(t, config{binary: plainCaddy, servers: timeouts, jobs: "history 4MiB"}, func(t *testing.T, a *app, s *server) {
		// A viewer may take a tenth of the log, which is 10 MiB on the wire: Go lets
		// garbage stay until there is as much of it as of the rest.
		const job, crowd, lines, each = "long", 200, 50_000, 1 << 20
		a.addJob(t, job)
		a.log(t, job, lines, "line %d of a log that is longer than what sockets take, as those of builds are")
		besides(t, a, s, crowd*each, func() {
			for range crowd {
				c := s.dial(t)
				if _, err := fmt.Fprintf(c, "GET /jobs/%s/logs HTTP/1.1\r\nHost: localhost\r\n\r\n", job); err != nil {
					t.Fatal(err)
				}
				head, err := bufio.NewReaderSize(c, 16).ReadString('\n')
				if err != nil || !strings.Contains(head, "200") {
					t.Fatalf("%q, %v", head, err)
				}
			}
		})
		if status, _ := s.do(t, http.MethodGet, "/jobs/"+job+"/logs?follow=false&tail=1", ""); status != http.StatusOK {
			t.Errorf("the log is answered by %d", status)
		}
	})
}
