package e2e

import (
	"bufio"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestValidateOpensNothing checks Caddyfile.example the way `caddy validate`
// and `caddy adapt` do, and finds no file made.
func TestValidateOpensNothing(t *testing.T) {
	t.Parallel()
	example, err := filepath.Abs("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"validate", "adapt"} {
		t.Run(verb, func(t *testing.T) {
			home := t.TempDir()
			cmd := command(t, raceCaddy, home, verb, "--config", example, "--adapter", "caddyfile")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("caddy %s: %v\n%s", verb, err, out)
			}
			if files := filesIn(t, home); len(files) > 0 {
				t.Errorf("caddy %s made %q", verb, files)
			}
		})
	}
}

// TestExample runs Caddyfile.example, as the README's first command does, and
// the README's second command: the demo's lines come, from the first one on.
func TestExample(t *testing.T) {
	t.Parallel()
	example, err := os.ReadFile("../Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	l := listen(t)
	port := portOf(l)
	_ = l.Close() // the example names a port, so nothing can be handed over
	s := &server{http: "http://localhost:" + port, home: t.TempDir(), exited: make(chan struct{})}
	text := regexp.MustCompile(`\b8080\b`).ReplaceAllString(string(example), port)
	text = strings.Replace(text, "{\n", "{\n\tadmin off\n", 1)
	file := filepath.Join(s.home, "Caddyfile")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(t, plainCaddy, nil, "run", "--config", file)
	s.awaitPort(t, port)
	transport := &http.Transport{DisableCompression: true}
	s.client = &http.Client{Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)

	begin := time.Now()
	resp := s.open(t, http.MethodGet, "/jobs/demo/logs", "")
	defer resp.Body.Close()
	timeout := time.AfterFunc(patience, func() { _ = resp.Body.Close() })
	defer timeout.Stop()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() && !strings.HasPrefix(lines.Text(), "data: {\"log\":") {
	}
	if resp.StatusCode != http.StatusOK || !strings.Contains(lines.Text(), "Demo job, run 1:") {
		t.Errorf("the demo's first line is %q (status %d, %v)", lines.Text(), resp.StatusCode, lines.Err())
	}
	t.Logf("the demo's first line came after %v", time.Since(begin))
}

// TestReadme adapts every Caddyfile that the README shows.
func TestReadme(t *testing.T) {
	t.Parallel()
	for _, shown := range caddyfiles(t) {
		home := t.TempDir()
		file := filepath.Join(home, "Caddyfile")
		if err := os.WriteFile(file, []byte(shown), 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := command(t, raceCaddy, home, "adapt", "--config", file, "--adapter", "caddyfile").CombinedOutput(); err != nil {
			t.Errorf("%v: %s\n%s", err, out, shown)
		}
	}
}

// awaitPort waits until something accepts connections.
func (s *server) awaitPort(t *testing.T, port string) {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		conn, err := net.Dial("tcp", "localhost:"+port)
		if err == nil {
			_ = conn.Close()
			return
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-s.exited:
			t.Fatalf("Caddy ended with %v", s.err)
		case <-deadline.C:
			t.Fatalf("nothing listens: %v", err)
		}
	}
}

func filesIn(t *testing.T, dir string) []string {
	t.Helper()
	var files []string
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			files = append(files, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return files
}
