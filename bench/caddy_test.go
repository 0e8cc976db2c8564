package bench

import (
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/caddyjobs/caddyjobs/internal/testcaddy"
	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// scale makes all of it smaller, to see that it runs.
var scale = flag.Float64("scale", 1, "part of their full size that the benchmarks have: rows, and how long they take")

// scaled is a number of rows at the scale.
func scaled(rows int) int { return max(1, int(*scale*float64(rows))) }

func TestMain(m *testing.M) { testdb.Main(m) }

// serve runs Caddy until the benchmark ends, and returns its origin.
func serve(b *testing.B, store string) string {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	defer l.Close()
	home := b.TempDir()
	file := filepath.Join(home, "Caddyfile")
	text := fmt.Sprintf("{\n\tadmin off\n\tauto_https off\n\tjobs {\n\t\t%s\n\t}\n}\nhttp://localhost:%s {\n\tbind fd/3\n\tjobs_logs\n}\n", store, port)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	binary, err := testcaddy.Build("caddy-bench", testcaddy.AsUsers...)
	if err != nil {
		b.Fatal(err)
	}
	cmd := testcaddy.Command(binary, home, "run", "--config", file)
	cmd.ExtraFiles = []*os.File{f}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return "http://localhost:" + port
}

// client is one whose connections are closed with the benchmark.
func client(b *testing.B) *http.Client {
	b.Helper()
	transport := &http.Transport{DisableCompression: true}
	b.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}
