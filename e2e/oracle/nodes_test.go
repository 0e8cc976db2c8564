package oracle

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/internal/testcaddy"
	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// extras are beside the schema that the binary prints: messages are unique, so
// that a row that is there already can be written again in vain.
const extras = `CREATE UNIQUE INDEX ON vibe_events (event_message)`

func newWorld(t *testing.T) *world {
	t.Helper()
	binary, err := testcaddy.Build("caddy-oracle", "-race")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{server: testdb.Start(t, "18")}
	w.dsn = w.server.Database(t)
	w.createSchema(t, binary)
	for i := range w.nodes {
		w.nodes[i] = newNode(t, binary, w.dsn)
	}
	return w
}

// createSchema runs what `caddy jobs schema postgres` prints.
func (w *world) createSchema(t *testing.T, binary string) {
	t.Helper()
	script, err := exec.Command(binary, "jobs", "schema", "postgres").Output()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), w.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	// In one transaction, which an index can be made in if it may lock.
	text := strings.Replace(string(script), " CONCURRENTLY", "", 1) + extras
	if _, err := conn.Exec(t.Context(), text, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
}

// node is one Caddy, which may be killed.
type node struct {
	binary, dsn, home, port string

	cmd    *exec.Cmd
	exited chan struct{}
	client *http.Client // of its admin API
}

func newNode(t *testing.T, binary, dsn string) *node {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	_ = l.Close()                           // it is needed again and again
	home, err := os.MkdirTemp("", "oracle") // short, for the socket's sake
	if err != nil {
		t.Fatal(err)
	}
	n := &node{binary: binary, dsn: dsn, home: home, port: port}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(home, "admin"))
	}}
	n.client = &http.Client{Transport: transport, Timeout: patience}
	n.start(t)
	t.Cleanup(func() { n.cleanup(t) })
	return n
}

func (n *node) caddyfile(heartbeat int) string {
	return fmt.Sprintf(`{
	admin unix/%s/admin
	persist_config off
	auto_https off
	jobs {
		store postgres {
			dsn %q
		}
		heartbeat %ds
		linger 1s
	}
}
http://localhost:%s {
	bind 127.0.0.1
	respond /ping pong
	jobs_logs
}
`, n.home, n.dsn, heartbeat, n.port)
}

// start starts the process, and waits until it serves.
func (n *node) start(t *testing.T) {
	t.Helper()
	file := filepath.Join(n.home, "Caddyfile")
	if err := os.WriteFile(file, []byte(n.caddyfile(1)), 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := os.OpenFile(filepath.Join(n.home, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	n.cmd = testcaddy.Command(n.binary, n.home, "run", "--config", file)
	n.cmd.Stderr = log
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.exited = make(chan struct{})
	go func(cmd *exec.Cmd, exited chan struct{}) {
		_ = cmd.Wait()
		close(exited)
	}(n.cmd, n.exited)
	n.await(t)
}

func (n *node) await(t *testing.T) {
	t.Helper()
	client, closeIdle := newClient()
	defer closeIdle()
	for late := time.Now().Add(patience); ; pause(t.Context(), 10*time.Millisecond) {
		resp, err := client.Get("http://localhost:" + n.port + "/ping")
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		if time.Now().After(late) {
			t.Errorf("a node does not serve: %v", err)
			return
		}
	}
}

func (n *node) kill(t *testing.T) {
	t.Helper()
	if err := n.cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	<-n.exited
}

// reload changes the config in place.
func (n *node) reload(t *testing.T, heartbeat int) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost/load", strings.NewReader(n.caddyfile(heartbeat)))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "text/caddyfile")
	resp, err := n.client.Do(req)
	if err != nil {
		t.Errorf("a reload: %v", err)
		return
	}
	defer resp.Body.Close()
	if body, _ := io.ReadAll(resp.Body); resp.StatusCode != http.StatusOK {
		t.Errorf("a reload: %s %s", resp.Status, body)
	}
}

func (n *node) cleanup(t *testing.T) {
	n.kill(t)
	testcaddy.CheckLog(t, filepath.Join(n.home, "log"))
	_ = os.RemoveAll(n.home)
}
