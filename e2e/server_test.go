package e2e

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/internal/testcaddy"
)

// config is what a test wants of its server.
type config struct {
	store   string                 // the store's lines of the Caddyfile
	options string                 // more lines of the store, if the test has one made
	jobs    string                 // more lines of the global option
	global  string                 // more global options
	servers string                 // more lines of the servers' options
	logs    string                 // more lines of jobs_logs
	site    string                 // more lines of the sites
	pages   string                 // an origin, besides the server's, whose pages may read its streams
	binary  func() (string, error) // raceCaddy if nil
	like    *server                // whose local CA it has, and whose origin is pages; nil if none
}

// caddyfile is laid out for a server whose sockets are handed to it: the
// test opens them, so that nobody else can take their ports.
const caddyfile = `
{
	admin off
	persist_config off
	skip_install_trust
	auto_https disable_redirects
	%[7]s
	servers {
		protocols h1 h2
		%[9]s
	}
	jobs {
		parking %[6]s
		%[1]s
		heartbeat 1s
		linger 2s
		%[2]s
	}
}
(site) {
	respond /ping pong
	%[11]s
	handle /page.html {
		root %[3]q
		file_server
	}
	jobs_health
	jobs_ingest
	jobs_logs {
		cors https://localhost:%[5]s %[10]s
		%[8]s
	}
	jobs_viewer {
		index
	}
	jobs_viewer {
		path /builds/{id}/view
		logs /jobs/{id}/logs
	}
}
http://localhost:%[4]s {
	bind fd/3
	import site
}
https://localhost:%[5]s {
	bind fd/4
	tls internal
	import site
}
`

// server is a running Caddy.
type server struct {
	http, https string // origins
	home        string // its home and data folder
	env         []string
	client      *http.Client

	cmd     *exec.Cmd
	binary  func() (string, error)
	args    []string
	sockets []*os.File    // handed to it
	log     string        // the file of its standard error
	exited  chan struct{} // closed when it has
	err     error         // how, after exited
}

// start runs Caddy until the test ends, and returns when it serves.
func start(t *testing.T, c config) *server {
	t.Helper()
	plain, secure := listen(t), listen(t)
	s := &server{
		http: "http://localhost:" + portOf(plain), https: "https://localhost:" + portOf(secure),
		home: t.TempDir(),
	}
	clients, err := filepath.Abs("clients")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(s.home, "Caddyfile")
	if c.like != nil {
		c.pages = c.like.https
	}
	text := fmt.Sprintf(caddyfile, c.store, c.jobs, clients, portOf(plain), portOf(secure), *parkingFlag, c.global, c.logs, c.servers, c.pages, c.site)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if c.binary == nil {
		c.binary = raceCaddy
	}
	if c.like != nil {
		if err := os.CopyFS(s.authority(), os.DirFS(c.like.authority())); err != nil {
			t.Fatal(err)
		}
	}
	s.run(t, c.binary, []net.Listener{plain, secure}, "run", "--config", file)
	s.connect(t)
	return s
}

// run starts the process and sees to its end.
func (s *server) run(t *testing.T, binary func() (string, error), sockets []net.Listener, args ...string) {
	t.Helper()
	s.binary, s.args, s.log = binary, args, filepath.Join(s.home, "stderr.log")
	for _, l := range sockets {
		f, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		s.sockets = append(s.sockets, f)
		_ = l.Close()
	}
	s.launch(t)
	t.Cleanup(func() { s.cleanup(t) })
}

// launch starts the process, or starts it again after a crash.
func (s *server) launch(t *testing.T) {
	t.Helper()
	s.cmd, s.exited = command(t, s.binary, s.home, s.args...), make(chan struct{})
	s.cmd.ExtraFiles, s.cmd.Env = s.sockets, append(s.cmd.Env, s.env...)
	log, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd.Stderr = log
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.err = s.cmd.Wait()
		close(s.exited)
	}()
}

// crash kills the process. Who connects meanwhile waits until it is launched again.
func (s *server) crash(t *testing.T) {
	t.Helper()
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-s.exited
}

// command is a Caddy that finds nothing of the user's who runs the tests.
func command(t *testing.T, binary func() (string, error), home string, args ...string) *exec.Cmd {
	t.Helper()
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	return testcaddy.Command(path, home, args...)
}

// connect waits until the server answers and learns to trust its CA.
func (s *server) connect(t *testing.T) {
	t.Helper()
	transport := &http.Transport{DisableCompression: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{}}
	s.client = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	s.ping(t)
	root, err := os.ReadFile(s.root())
	if err != nil {
		t.Fatal(err)
	}
	transport.TLSClientConfig.RootCAs = x509.NewCertPool()
	transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(root)
	s.awaitCertificate(t)
}

// awaitCertificate waits until the server has a certificate, which it makes
// while it serves already.
func (s *server) awaitCertificate(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		resp, err := s.client.Get(s.https + "/ping")
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("GET /ping over TLS: %v", err)
		}
		wait(t.Context(), 10*time.Millisecond)
	}
}

// ping waits until the server answers on a route that is not ours.
func (s *server) ping(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	exited := s.exited // a later launch has another one
	go func() {
		select {
		case <-exited:
			cancel() // the socket is the test's as well: nobody would answer
		case <-ctx.Done():
		}
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.http+"/ping", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatalf("GET /ping: %v", err)
	}
	defer resp.Body.Close()
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "pong" {
		t.Fatalf("GET /ping: %d %q %v", resp.StatusCode, body, err)
	}
}

// root is the file of the local CA's certificate.
func (s *server) root() string {
	return filepath.Join(s.authority(), "root.crt")
}

// authority is the folder of the local CA.
func (s *server) authority() string {
	return filepath.Join(s.home, "data", "caddy", "pki", "authorities", "local")
}

// stop asks the server to end, and fails the test if it does not within 15 s.
func (s *server) stop(t *testing.T) {
	t.Helper()
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	deadline := time.NewTimer(15 * time.Second)
	defer deadline.Stop()
	select {
	case <-s.exited:
	case <-deadline.C:
		t.Error("Caddy did not exit within 15 s of SIGTERM")
		_ = s.cmd.Process.Kill()
		<-s.exited
	}
	if s.err != nil {
		t.Errorf("Caddy ended with %v", s.err)
	}
}

func (s *server) cleanup(t *testing.T) {
	s.stop(t)
	for _, f := range s.sockets {
		_ = f.Close()
	}
	testcaddy.CheckLog(t, s.log)
}

// do makes one plain request, of a path or a whole address, and returns what
// came back.
func (s *server) do(t *testing.T, method, path, body string, headers ...string) (int, string) {
	t.Helper()
	resp := s.open(t, method, path, body, headers...)
	defer resp.Body.Close()
	timeout := time.AfterFunc(patience, func() { _ = resp.Body.Close() })
	defer timeout.Stop()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %.80s: %v", method, path, err)
	}
	return resp.StatusCode, string(answer)
}

// open makes one request and returns its response, whose body lasts until it
// is closed or the test ends.
// headers are names and values in turn.
func (s *server) open(t *testing.T, method, path, body string, headers ...string) *http.Response {
	t.Helper()
	if strings.HasPrefix(path, "/") {
		path = s.http + path
	}
	req, err := http.NewRequestWithContext(t.Context(), method, path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := s.client.Do(req)
	if err != nil {
		t.Fatalf("%s %.80s: %v", method, path, err)
	}
	return resp
}

// memory is a figure of the process in bytes: VmRSS now, VmHWM at most.
func (s *server) memory(t *testing.T, name string) int64 {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", s.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), name+":")
	var kib int64
	if _, err := fmt.Sscanf(rest, "%d kB", &kib); err != nil {
		t.Fatalf("%s in /proc: %v", name, err)
	}
	return kib << 10
}
