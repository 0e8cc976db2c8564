package caddyjobs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	_ "github.com/caddyserver/caddy/v2/modules/standard"
	"go.uber.org/goleak"
)

// patience bounds every wait. Only a broken server meets it.
const patience = 30 * time.Second

// parkingFlag is how all sites here are run: the suite holds either way.
var parkingFlag = flag.String("parking", "on", "whether streams are parked: on or off")

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "caddyjobs")
	if err != nil {
		panic(err)
	}
	// What runs here must not touch the data of who runs it.
	for _, name := range []string{"HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"} {
		_ = os.Setenv(name, dir)
	}
	goleak.VerifyTestMain(m,
		// Caddy's storage sleeps beside a lock and ends by itself, seconds later.
		goleak.IgnoreAnyFunction("github.com/caddyserver/certmagic.keepLockfileFresh"),
		goleak.Cleanup(func(code int) {
			_ = os.RemoveAll(dir)
			os.Exit(code)
		}))
}

// site is a Caddy in this process, with one site on a unix socket.
type site struct {
	dir, db string
	client  *http.Client
}

// newSite runs Caddy until the test ends. In the options and the body, {db}
// stands for a database file that does not exist yet.
func newSite(t *testing.T, options, body string) *site {
	t.Helper()
	dir, err := os.MkdirTemp("", "cj") // the path of a socket must be short
	if err != nil {
		t.Fatal(err)
	}
	s := &site{dir: dir, db: filepath.Join(dir, "jobs.db")}
	var open atomic.Int64
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		conn, err := new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "s"))
		if err != nil {
			return nil, err
		}
		open.Add(1)
		return &counting{conn, sync.OnceFunc(func() { open.Add(-1) })}, nil
	}}
	s.client = &http.Client{Transport: transport}
	t.Cleanup(func() {
		eventually(t, "the connections are closed", func() bool {
			transport.CloseIdleConnections() // those of HTTP/2 become idle a little after their streams
			return open.Load() == 0
		})
		if err := caddy.Stop(); err != nil {
			t.Error(err)
		}
		_ = os.RemoveAll(dir)
	})
	s.load(t, options, body)
	return s
}

// counting is a connection that is counted until it is closed.
type counting struct {
	net.Conn
	closed func()
}

func (c *counting) Close() error {
	c.closed()
	return c.Conn.Close()
}

// load loads a config, or another one in its place.
func (s *site) load(t *testing.T, options, body string) {
	t.Helper()
	text := fmt.Sprintf("{\n\tadmin off\n\tpersist_config off\n\tauto_https off\n%s\n}\nhttp:// {\n\tbind unix/%s/s\n%s\n}\n",
		options, s.dir, body)
	text = strings.Replace(strings.ReplaceAll(text, "{db}", s.db), "jobs {", "jobs {\n\tparking "+*parkingFlag, 1)
	config := adapt(t, text)
	if err := caddy.Load(config, true); err != nil {
		t.Fatal(err)
	}
}

func adapt(t *testing.T, text string) []byte {
	t.Helper()
	config, warnings, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range warnings {
		if !strings.Contains(w.Message, "not formatted") {
			t.Errorf("warning: %s", w)
		}
	}
	return config
}

// sqliteStore is the option of a store at {db} that finds rows by polling often.
const sqliteStore = "jobs {\n store sqlite {\n path {db}\n }\n poll_interval 20ms\n }\n"

const both = "jobs_ingest\njobs_logs\nrespond next 299\n"

// stream is an open response.
type stream struct {
	t      *testing.T
	status int
	header http.Header
	body   *bufio.Reader
	late   *time.Timer // ends it
	close  func()
}

// open makes a request. headers are names and values in turn.
func (s *site) open(t *testing.T, method, path, body string, headers ...string) *stream {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	late := time.AfterFunc(patience, func() { cancel(fmt.Errorf("not within %v", patience)) })
	defer late.Stop()
	req, err := http.NewRequestWithContext(ctx, method, "http://site"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		req.Body, req.ContentLength = http.NoBody, 0
		req.GetBody = func() (io.ReadCloser, error) { return http.NoBody, nil }
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(req)
	for (errors.Is(err, io.EOF) || errors.Is(err, syscall.ECONNRESET)) && ctx.Err() == nil {
		// A server that a reload replaces closes connections whose request it has
		// not read yet, and so does the end of a parked stream; clients of any Caddy
		// come again.
		if req.Body, err = req.GetBody(); err == nil {
			resp, err = s.client.Do(req)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	st := &stream{t: t, status: resp.StatusCode, header: resp.Header, body: bufio.NewReader(resp.Body), late: late}
	st.close = func() {
		_ = resp.Body.Close() // over HTTP/2 it waits until the connection is idle, unless it is cancelled first
		cancel(nil)
	}
	t.Cleanup(st.close)
	return st
}

func (s *site) get(t *testing.T, path string, headers ...string) *stream {
	t.Helper()
	return s.open(t, http.MethodGet, path, "", headers...)
}

// waits bounds what is waited for until over is called. A stream may be open for
// as long as its test needs.
func (st *stream) waits() (over func() bool) {
	st.late.Reset(patience)
	return st.late.Stop
}

// all reads the response until it ends, well or not.
func (st *stream) all() ([]byte, error) {
	defer st.waits()()
	return io.ReadAll(st.body)
}

// rest reads the response to its end.
func (st *stream) rest() string {
	st.t.Helper()
	b, err := st.all()
	if err != nil {
		st.t.Fatalf("%v after %.200q", err, b)
	}
	return string(b)
}

// until reads up to and including the first line that contains text, and
// returns what it read.
func (st *stream) until(text string) string {
	st.t.Helper()
	defer st.waits()()
	var b strings.Builder
	for {
		line, err := st.body.ReadString('\n')
		b.WriteString(line)
		if err != nil {
			st.t.Fatalf("no %q: %v after %.200q", text, err, b.String())
		}
		if strings.Contains(line, text) {
			return b.String()
		}
	}
}

// post appends to a job's log, and returns the ids.
func (s *site) post(t *testing.T, job string, messages ...string) []int64 {
	t.Helper()
	var events []map[string]any
	for i, m := range messages {
		events = append(events, map[string]any{"event_message": m, "event_time": 1234567890 + i})
	}
	body, err := json.Marshal(events)
	if err != nil {
		t.Fatal(err)
	}
	st := s.open(t, http.MethodPost, "/jobs/"+job+"/logs", string(body), "Content-Type", "application/json")
	var answer struct{ IDs []int64 }
	if text := st.rest(); st.status != http.StatusOK || json.Unmarshal([]byte(text), &answer) != nil {
		t.Fatalf("POST: %d %s", st.status, text)
	}
	return answer.IDs
}

func (s *site) put(t *testing.T, job, state string) {
	t.Helper()
	st := s.open(t, http.MethodPut, "/jobs/"+job+"/state", `{"state":"`+state+`"}`)
	if text := st.rest(); st.status != http.StatusOK {
		t.Fatalf("PUT: %d %s", st.status, text)
	}
}

// eventually waits until something holds that nothing else tells of.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(patience)
	for !holds() {
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

func filesIn(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
