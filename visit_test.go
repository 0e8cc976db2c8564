package caddyjobs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// dial connects to a site until the test ends.
func (s *site) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", filepath.Join(s.dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(patience))
	return conn
}

// untimed has no timeout that Caddy has by default.
const untimed = "servers {\n protocols h1 h2c\n timeouts {\n read_body_idle 1h\n write_idle 1h\n read_header 1h\n }\n}\n"

// everything is a site with all handlers.
const everything = "jobs_health\njobs_ingest\njobs_logs {\n cors https://app.example.com\n}\njobs_viewer {\n index\n}\n"

// TestBodyless sends a body, or announces one that never comes, with requests that
// have none, to each handler: they are refused, and the connection is closed.
func TestBodyless(t *testing.T) {
	s := newSite(t, untimed+sqliteStore, everything)
	logged(t, s, "job", 1, "running")
	var wait sync.WaitGroup
	for _, request := range []string{
		"GET /jobs/job/logs", "HEAD /jobs/job/logs", "GET /jobs/nope/logs", "GET /jobs/job/logs?format=text", "GET /jobs/job/logs?x=y",
		"GET /jobs/job", "GET /jobs/", "GET /jobs", "GET /jobs/_viewer/recent.json", "GET /jobs/_viewer/job-log.js", "GET /livez", "HEAD /readyz",
		"OPTIONS /jobs/job/logs",
	} {
		for _, body := range []string{
			"Content-Length: 5\r\n\r\n", "Content-Length: 5\r\n\r\nhello", "Content-Length: 5\r\nExpect: 100-continue\r\n\r\n",
			"Transfer-Encoding: chunked\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		} {
			conn := s.dial(t)
			fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: site\r\nOrigin: https://app.example.com\r\nAccess-Control-Request-Method: GET\r\n%s", request, body)
			wait.Go(func() {
				answer, err := io.ReadAll(conn)
				if err != nil || status(string(answer)) != "400 Bad Request" || !strings.Contains(string(answer), "Connection: close\r\n") ||
					!strings.HasPrefix(request, "HEAD") && !strings.HasSuffix(string(answer), "has no body here; send it without one\n") {
					t.Errorf("%s with %q: %v %s", request, body, err, answer)
				}
			})
		}
	}
	wait.Wait()
	eventually(t, "nobody is left", func() bool { return everyone.count() == 0 && visitors() == 0 })
}

// visitors is how many requests are in handlers.
func visitors() int {
	everyone.mu.Lock()
	defer everyone.mu.Unlock()
	return len(everyone.visits)
}

// TestBodylessHTTP2 leaves requests open over HTTP/2: their streams do not end, and
// may yet have a body.
func TestBodylessHTTP2(t *testing.T) {
	s := newSite(t, untimed+sqliteStore, everything)
	s.overHTTP2(64 << 10)
	logged(t, s, "job", 1, "running")
	for _, path := range []string{"/jobs/job/logs", "/jobs/nope/logs", "/jobs/job", "/livez"} {
		for _, length := range []int64{-1, 5} {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			never, end := io.Pipe()
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://site"+path, never)
			if err != nil {
				t.Fatal(err)
			}
			req.ContentLength = length
			resp, err := s.client.Do(req)
			if err != nil || resp.StatusCode != http.StatusBadRequest {
				t.Fatal(path, resp, err)
			}
			_, _ = io.Copy(io.Discard, resp.Body)
			cancel()
			_ = end.Close()
		}
	}
	eventually(t, "nobody is left", func() bool { return everyone.count() == 0 && visitors() == 0 })
}

// unfinished sends the beginning of a body that never ends.
func (s *site) unfinished(t *testing.T, method, path string) net.Conn {
	t.Helper()
	conn := s.dial(t)
	fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: site\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\nhello", method, path)
	return conn
}

// TestSlowBodies has clients send bodies that do not end: they count among the
// viewers of their address, and who comes beyond the limit is refused.
func TestSlowBodies(t *testing.T) {
	s := newSite(t, untimed+strings.Replace(sqliteStore, "jobs {", "jobs {\n limits {\n per_address 2\n }", 1), everything)
	logged(t, s, "job", 1, "running")
	eventually(t, "earlier streams are gone", func() bool { return everyone.count() == 0 })
	slow := []net.Conn{s.unfinished(t, "POST", "/jobs/job/logs"), s.unfinished(t, "PUT", "/jobs/job/state")}
	eventually(t, "both count", func() bool { return everyone.count() == 2 })
	if head := s.get(t, "/jobs/job/logs").rest(); !strings.Contains(head, "event: error\n") {
		t.Errorf("a viewer beyond the limit got %q", head)
	}
	answer, err := io.ReadAll(s.unfinished(t, "POST", "/jobs/job/logs"))
	if err != nil || status(string(answer)) != "429 Too Many Requests" || !strings.Contains(string(answer), "Connection: close\r\n") {
		t.Errorf("a body beyond the limit: %v %s", err, answer)
	}
	s.post(t, "job", "who sends at once is not limited")
	for _, conn := range slow {
		_ = conn.Close()
	}
	eventually(t, "nobody is left", func() bool { return everyone.count() == 0 && visitors() == 0 })
}

// TestUnreadBodies sends bodies that do not end where they are refused before they
// are read: nobody waits for them.
func TestUnreadBodies(t *testing.T) {
	s := newSite(t, untimed+sqliteStore, "jobs_ingest {\n allow authenticated\n}\nrespond next 299")
	for _, request := range [][2]string{{"POST", "/jobs/job/logs"}, {"PUT", "/jobs/job/state"}} {
		answer, err := io.ReadAll(s.unfinished(t, request[0], request[1]))
		if err != nil || status(string(answer)) != "403 Forbidden" {
			t.Errorf("%s: %v %s", request[0], err, answer)
		}
	}
}

// never is a body that comes with a byte now and then until it is cut.
type never struct {
	http.ResponseWriter
	every time.Duration
	over  chan struct{}
	once  sync.Once
}

func (n *never) SetReadDeadline(at time.Time) error {
	if !at.IsZero() && at.Before(time.Now()) {
		n.once.Do(func() { close(n.over) })
	}
	return nil
}

func (n *never) Read(b []byte) (int, error) {
	select {
	case <-time.After(n.every):
		return min(len(b), 512), nil
	case <-n.over:
		return 0, os.ErrDeadlineExceeded
	}
}

func (n *never) Close() error { return nil }

// TestBodyPace has bodies come slowly, and others faster: the slow ones are cut
// in a time that what has come of them says.
func TestBodyPace(t *testing.T) {
	for _, c := range []struct {
		every time.Duration
		want  error
		least time.Duration
	}{{time.Hour, errTooSlow, bodyGrace}, {time.Second / 2, errTooSlow, bodyGrace}, {time.Millisecond, nil, 0}} {
		synctest.Test(t, func(t *testing.T) {
			body := &never{ResponseWriter: httptest.NewRecorder(), every: c.every, over: make(chan struct{})}
			r := httptest.NewRequest(http.MethodPost, "/jobs/job/logs", body)
			v := arrive(body, r)
			defer v.leave()
			i := &Ingest{MaxSize: 1 << 20, app: new(App)}
			i.app.Limits.provision()
			begun := time.Now()
			_, err := i.read(v)
			took := time.Since(begun)
			if c.want != nil && (!errors.Is(err, c.want) || took < c.least || took > 2*c.least) {
				t.Errorf("with a part every %v it was cut after %v: %v", c.every, took, err)
			}
			var large *http.MaxBytesError
			if c.want == nil && !errors.As(err, &large) {
				t.Errorf("with a part every %v: %v", c.every, err)
			}
		})
	}
}
