package e2e

import (
	"crypto/tls"
	"fmt"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/internal/testhttp2"
)

// TestExit stops the server under open streams: each is told so, and the
// process ends in time, which stop checks.
func TestExit(t *testing.T) {
	onBothStores(t, config{}, func(t *testing.T, a *app, s *server) {
		const job = "unfinished"
		a.addJob(t, job)
		a.log(t, job, 3, "line %d")
		var watching []*transcript
		for range 20 {
			watching = append(watching, watch(t, s, s.http+"/jobs/"+job+"/logs"), watch(t, s, s.https+"/jobs/"+job+"/logs"))
		}
		for _, tr := range watching {
			tr.await(t, "caught_up", func(s seen) bool { return slices.Contains(s.events, "caught_up") })
		}
		s.stop(t)
		for _, tr := range watching {
			got := tr.await(t, "end", func(s seen) bool { return s.closed })
			if len(got.events) == 0 || got.events[len(got.events)-1] != "bye" {
				t.Errorf("%s ended with the events %q, want bye last", tr.name, got.events)
			}
			tr.compare(t, got.lines, a.rows(t, job))
		}
	})
}

// TestDraining stops a server that is to serve for a while yet. Who probes it
// hears that it lives, and wants no more viewers; those there are go on. Caddy
// stops its apps in any order, so several servers are stopped.
func TestDraining(t *testing.T) {
	for i := range 4 {
		t.Run(fmt.Sprint(i), drains)
	}
}

func drains(t *testing.T) {
	t.Parallel()
	a, s := onSQLite(t, config{global: "shutdown_delay 3s"})
	if status, body := s.do(t, http.MethodGet, "/readyz", ""); status != http.StatusOK || body != `{"status":"ok","stores":{"default":{"status":"up"}}}`+"\n" {
		t.Errorf("ready: %d %s", status, body)
	}
	a.addJob(t, "job")
	tr := watch(t, s, s.http+"/jobs/job/logs")
	tr.await(t, "caught_up", func(s seen) bool { return slices.Contains(s.events, "caught_up") })
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	status, body := http.StatusOK, ""
	for deadline := time.Now().Add(2 * time.Second); status == http.StatusOK && time.Now().Before(deadline); wait(t.Context(), 10*time.Millisecond) {
		status, body = s.do(t, http.MethodGet, "/readyz", "")
	}
	if status != http.StatusServiceUnavailable || body != `{"status":"draining"}`+"\n" {
		t.Errorf("ready: %d %s", status, body)
	}
	if status, body = s.do(t, http.MethodGet, "/livez", ""); status != http.StatusOK {
		t.Errorf("live: %d %s", status, body)
	}
	a.log(t, "job", 1, "a line while it drains %d")
	tr.await(t, "a line", func(s seen) bool { return len(s.lines) == 1 })
	if got := tr.await(t, "end", func(s seen) bool { return s.closed }); got.events[len(got.events)-1] != "bye" {
		t.Errorf("it ended with the events %q", got.events)
	}
}

// TestExitBlocked stops the server while clients take nothing of what they are
// sent, over HTTP/1.1, TLS and HTTP/2, where some do not even take that their streams
// are reset: they are cut when the time is over, which stop checks.
func TestExitBlocked(t *testing.T) {
	t.Parallel()
	a, s := onSQLite(t, config{jobs: "drain_timeout 2s", servers: "timeouts {\n write_idle 1h\n}"})
	a.addJob(t, "huge")
	a.log(t, "huge", 5000, strings.Repeat("x", 4000)+" %d")
	for range 3 {
		for _, origin := range []string{s.http, s.https} {
			resp := s.open(t, http.MethodGet, origin+"/jobs/huge/logs", "")
			defer resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				t.Fatal(resp.Status)
			}
		}
		deaf(t, s.dialTLS(t, "h2"), "/jobs/huge/logs")
	}
	s.awaitBlocked(t)
	s.stop(t) // Caddy itself would wait for as long as a write may stall
}

// TestExitHeld stops the server while clients hold it in all ways but streams: without
// a whole request, with bodies that never come, where one is read and where none is, and with answers that
// they do not take. stop checks that it waits for none of them.
func TestExitHeld(t *testing.T) {
	t.Parallel()
	a, s := onSQLite(t, config{binary: plainCaddy, jobs: "drain_timeout 2s", servers: "timeouts {\n read_body_idle 1h\n write_idle 1h\n}"})
	a.addJob(t, "job")
	a.log(t, "job", 10, "line %d")
	const open = " HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"
	for _, request := range []string{"GET /jobs/job/logs", "GET /jobs/nope/logs", "GET /jobs/job", "GET /readyz", "POST /jobs/job/logs", "PUT /jobs/job/state", "POST /jobs/job/logs?x=y"} {
		for _, c := range []net.Conn{s.dial(t), s.dialTLS(t)} {
			fmt.Fprint(c, request, open)
		}
	}
	for _, path := range []string{"/jobs/_viewer/job-log.js", "/jobs/job"} {
		for _, c := range []net.Conn{s.dial(t), s.dialTLS(t)} {
			go func() { // which blocks, too, until the connection is closed
				for {
					if _, err := fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path); err != nil {
						return
					}
				}
			}()
		}
	}
	// And without a whole request, which Go's server waits for up to 10 s.
	for _, c := range []net.Conn{s.dial(t), s.dialTLS(t), s.dialTLS(t, "h2")} {
		if secure, ok := c.(*tls.Conn); !ok {
			fmt.Fprint(c, "GET /jobs/job")
		} else if err := secure.Handshake(); err != nil {
			t.Fatal(err)
		}
	}
	s.awaitBlocked(t)
	begun := time.Now()
	if s.stop(t); time.Since(begun) > 8*time.Second {
		t.Errorf("it took %v", time.Since(begun))
	}
}

// TestExitBehind takes the handler out of the config under streams whose clients
// take nothing, and stops the server: it does not wait for them for ever.
func TestExitBehind(t *testing.T) {
	t.Parallel()
	a, s := onSQLite(t, config{jobs: "drain_timeout 2s", servers: "timeouts {\n write_idle 1h\n}"})
	s.reload(t, "heartbeat 1s", "heartbeat 1h") // else they would be cut by the next one
	a.addJob(t, "huge")
	a.log(t, "huge", 5000, strings.Repeat("x", 4000)+" %d")
	for _, origin := range []string{s.http, s.https} {
		resp := s.open(t, http.MethodGet, origin+"/jobs/huge/logs", "")
		defer resp.Body.Close()
	}
	s.awaitBlocked(t)
	idle := s.dialTLS(t)
	fmt.Fprint(idle, "GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n")
	s.reload(t, "import site", "respond /ping pong")
	ended(t, idle) // the server that is replaced has been told to shut down
	s.stop(t)
}

// deaf requests a path on a few HTTP/2 streams, and reads nothing.
func deaf(t *testing.T, conn net.Conn, path string) {
	t.Helper()
	const streams = 10
	requests, err := testhttp2.Client{Scheme: "https", Authority: "localhost", Window: testhttp2.Widest}.Requests(slices.Repeat([]string{path}, streams)...)
	if err == nil {
		_, err = conn.Write(requests)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// dialTLS connects to the server's other socket until the test ends. protocols are
// what it speaks; HTTP/1.1 if there is none.
func (s *server) dialTLS(t *testing.T, protocols ...string) net.Conn {
	t.Helper()
	trust := s.client.Transport.(*http.Transport).TLSClientConfig.Clone()
	trust.NextProtos = protocols
	c, err := tls.Dial("tcp", strings.TrimPrefix(s.https, "https://"), trust)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// reload changes the config, and waits until it holds.
func (s *server) reload(t *testing.T, oldnew ...string) {
	t.Helper()
	file, err := os.ReadFile(s.caddyfile())
	if err != nil {
		t.Fatal(err)
	}
	version := fmt.Sprint(time.Now().UnixNano())
	text := changed(t, changed(t, string(file), oldnew...), "respond /ping pong", "header /ping +Version "+version+"\nrespond /ping pong")
	if err := os.WriteFile(s.caddyfile(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(patience); ; wait(t.Context(), 10*time.Millisecond) {
		resp, err := s.client.Get(s.http + "/ping")
		if err == nil { // else its connection was the old server's
			_ = resp.Body.Close()
			if slices.Contains(resp.Header.Values("Version"), version) {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatal("the config does not change")
		}
	}
}

// awaitBlocked waits until the server has not written a row for a while.
func (s *server) awaitBlocked(t *testing.T) {
	t.Helper()
	const still, row = 20, 4000
	before, same := 0, 0
	for deadline := time.Now().Add(patience); same < still; wait(t.Context(), 25*time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the server goes on to write")
		}
		written := s.written(t)
		if same++; written-before >= row {
			before, same = written, 0
		}
	}
}

// written is how many bytes the server has written, to whatever.
func (s *server) written(t *testing.T) (bytes int) {
	t.Helper()
	io, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, after, _ := strings.Cut(string(io), "wchar:")
	if _, err := fmt.Sscan(after, &bytes); err != nil {
		t.Fatal(err)
	}
	return bytes
}
