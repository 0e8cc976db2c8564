package e2e

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tmaxmax/go-sse"
)

// client starts something that follows a stream until the job is complete.
type client struct {
	name  string
	start func(t *testing.T, s *server, url string) *transcript
}

// reconnecting are the clients that ask again when their connection is lost.
var reconnecting = []client{
	{"chromium", func(t *testing.T, s *server, url string) *transcript { return startBrowser(t, s, url, "") }},
	{"node", func(t *testing.T, s *server, url string) *transcript { return startNode(t, s, url) }},
	{"go-sse", startGo},
}

// stubborn are the clients that would go on asking after the end of a job if
// the server did not stop them.
var stubborn = []client{
	{"chromium that keeps open", func(t *testing.T, s *server, url string) *transcript { return startBrowser(t, s, url, "&keep") }},
	{"node that keeps open", func(t *testing.T, s *server, url string) *transcript { return startNode(t, s, url, "keep") }},
}

// startBrowser opens the original page in Chromium, which trusts the
// server's local CA.
func startBrowser(t *testing.T, s *server, url, more string) *transcript {
	t.Helper()
	home := t.TempDir()
	s.trusted(t, filepath.Join(home, ".pki", "nssdb"))
	chromium, err := exec.LookPath("chromium")
	if err != nil {
		t.Fatal(err)
	}
	page := s.https + "/page.html?stream=" + url + more
	cmd := exec.Command("node", "clients/browser.mjs", page, filepath.Join(home, "profile"))
	cmd.Env = append(os.Environ(), "HOME="+home, "CHROMIUM="+chromium)
	return follow(t, "chromium"+more, cmd)
}

// trusted puts the server's local CA into a browser's database of those that it
// trusts, which may be new.
func (s *server) trusted(t *testing.T, nssdb string) {
	t.Helper()
	if err := os.MkdirAll(nssdb, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"-N", "--empty-password"}, {"-A", "-n", "caddy" + filepath.Base(s.home), "-t", "C,,", "-i", s.root()}} {
		if out, err := exec.Command("certutil", append([]string{"-d", "sql:" + nssdb}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("certutil %v: %v\n%s", args, err, out)
		}
	}
}

// startNode follows the stream with the npm package eventsource.
func startNode(t *testing.T, s *server, url string, more ...string) *transcript {
	t.Helper()
	cmd := exec.Command("node", append([]string{"clients/node.mjs", url}, more...)...)
	cmd.Env = append(os.Environ(), "NODE_EXTRA_CA_CERTS="+s.root())
	return follow(t, strings.Join(append([]string{"node"}, more...), " "), cmd)
}

// follow runs a client that prints a record a line.
func follow(t *testing.T, name string, cmd *exec.Cmd) *transcript {
	t.Helper()
	tr := newTranscript(name)
	runClient(t, tr, cmd, func(stdout io.Reader) {
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			tr.addJSON(lines.Bytes())
		}
	})
	return tr
}

// startCurl follows the stream with curl, as a person would.
func startCurl(t *testing.T, s *server, url string, args ...string) *transcript {
	t.Helper()
	tr := newTranscript("curl")
	cmd := exec.Command("curl", append([]string{"-sSN", "--cacert", s.root(), url}, args...)...)
	runClient(t, tr, cmd, func(stdout io.Reader) {
		readSSE(tr, stdout)
		tr.add(record{Closed: true})
	})
	return tr
}

// runClient runs a client until it ends or the test does.
func runClient(t *testing.T, tr *transcript, cmd *exec.Cmd, read func(io.Reader)) {
	t.Helper()
	var stderr strings.Builder
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		read(stdout)
		_ = cmd.Wait()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(os.Interrupt) // the browser's driver then ends the browser
		<-done
		if t.Failed() {
			t.Logf("%s printed %s", tr.name, stderr.String())
		}
	})
}

// readSSE adds the events of one response to a transcript.
func readSSE(tr *transcript, body io.Reader) {
	for event, err := range sse.Read(body, &sse.ReadConfig{MaxEventSize: 4 << 20}) {
		if err != nil {
			tr.add(record{Failure: err.Error()})
			return
		}
		addEvent(tr, event)
	}
}

func addEvent(tr *transcript, event sse.Event) {
	if event.Type == "" && event.Data == "" {
		return // the package hands on a block that has no data, such as retry
	}
	if event.Type != "" {
		tr.add(record{Event: event.Type})
		return
	}
	tr.addJSON([]byte(event.Data))
}

// watch follows one response to its end, and never asks again.
func watch(t *testing.T, s *server, url string, headers ...string) *transcript {
	t.Helper()
	tr := newTranscript("one response")
	resp := s.open(t, http.MethodGet, url, "", headers...)
	tr.add(record{Response: resp.StatusCode})
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer resp.Body.Close()
		readSSE(tr, resp.Body)
		tr.add(record{Closed: true})
	}()
	t.Cleanup(func() { <-done })
	return tr
}

// startGo follows the stream with the Go package go-sse until it is refused,
// as it is when it asks again after the end.
func startGo(t *testing.T, s *server, url string) *transcript {
	t.Helper()
	tr := newTranscript("go-sse")
	ctx, cancel := context.WithCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	client := &sse.Client{
		HTTPClient: s.client,
		ResponseValidator: func(r *http.Response) error {
			tr.add(record{Response: r.StatusCode})
			return sse.DefaultValidator(r)
		},
	}
	conn := client.NewConnection(req)
	conn.SubscribeToAll(func(event sse.Event) { addEvent(tr, event) })
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = conn.Connect() // it always ends with an error; what counts is what it saw
		tr.add(record{Closed: true})
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return tr
}
