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
	"sync"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/internal/testcaddy"
)

// node is one Caddy, which may be killed.
type node struct {
	binary, home, port string
	grounds            []*ground

	faults sync.Mutex // one at a time
	cmd    *exec.Cmd
	exited chan struct{}
	client *http.Client // of its admin API
}

func newNode(t *testing.T, binary string, grounds []*ground) *node {
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
	n := &node{binary: binary, grounds: grounds, home: home, port: port}
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(home, "admin"))
	}}
	n.client = &http.Client{Transport: transport, Timeout: patience}
	n.start(t)
	t.Cleanup(func() { n.cleanup(t) })
	return n
}

// caddyfile has a store for each ground, whose rings are tiny: viewers who do
// not read at once read from the store.
func (n *node) caddyfile(heartbeat int) string {
	var stores, logs strings.Builder
	for _, g := range n.grounds {
		stores.WriteString(g.store())
		for _, handler := range []string{"jobs_ingest", "jobs_logs"} {
			fmt.Fprintf(&logs, "\t%s {\n\t\tstore %s\n\t\tpath /%[2]s/{id}\n\t}\n", handler, g.name)
		}
	}
	return fmt.Sprintf(`{
	admin unix/%s/admin
	persist_config off
	auto_https off
	jobs {
%s		heartbeat %ds
		linger %s
		history 96KiB
		cache %s
	}
}
http://localhost:%s {
	bind 127.0.0.1
	respond /ping pong
	jobs_health
%s}
`, n.home, &stores, heartbeat, linger, age, n.port, &logs)
}

// linger is how long a node knows of a job that has ended.
const linger = 200 * time.Millisecond

// age is how long a node may show who comes a row that is edited or deleted.
const age = 500 * time.Millisecond

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
