package e2e

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"testing"
	"time"
)

// TestHugeLog reads a log of 100,000 lines: one response, in order, and a
// server that does not grow with it. Beside that, a viewer stops reading for
// 30 s while the log grows, and goes on. What is kept for others to replay is
// bounded by history, which is a fraction of the log.
func TestHugeLog(t *testing.T) {
	onBothStores(t, config{binary: plainCaddy, jobs: "history 4MiB"}, func(t *testing.T, a *app, s *server) {
		const job, lines, growth = "huge", 100_000, 32 << 20
		a.addJob(t, job)
		a.log(t, job, lines, "line %d of a build that says a little more than it needs to, as builds do")
		a.addJob(t, "small")
		a.log(t, "small", 10, "line %d")
		a.setState(t, "small", "completed")
		watch(t, s, "/jobs/small/logs").await(t, "end", func(s seen) bool { return s.closed })

		before := s.memory(t, "VmRSS")
		s.resetPeak(t)
		stalled, resume := watchStalled(t, s, "/jobs/"+job+"/logs")
		stall := time.NewTimer(30 * time.Second)
		defer stall.Stop()

		reader := watch(t, s, "/jobs/"+job+"/logs")
		reader.awaitLines(t, lines)
		a.log(t, job, lines/10, "written while a viewer is not reading: %d")
		reader.awaitLines(t, lines+lines/10)
		<-stall.C // the length of the stall is what is tested
		resume()
		stalled.awaitLines(t, lines+lines/10)
		a.setState(t, job, "completed")

		want := a.rows(t, job)
		reader.awaitEnd(t, "completed", want)
		stalled.awaitEnd(t, "completed", want)
		peak := s.memory(t, "VmHWM")
		t.Logf("resident memory: %d KiB before, %d KiB at most", before>>10, peak>>10)
		if peak-before > growth {
			t.Errorf("the server grew by %d KiB, want at most %d", (peak-before)>>10, growth>>10)
		}
	})
}

// resetPeak makes VmHWM start again from now.
func (s *server) resetPeak(t *testing.T) {
	t.Helper()
	if err := os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", s.cmd.Process.Pid), []byte("5"), 0); err != nil {
		t.Fatal(err)
	}
}

// watchStalled opens a stream and reads its head and nothing else until
// resume is called. Small buffers make the server feel it.
func watchStalled(t *testing.T, s *server, path string) (tr *transcript, resume func()) {
	t.Helper()
	tr = newTranscript("the viewer that stalled")
	transport := &http.Transport{DisableCompression: true, ReadBufferSize: 4 << 10}
	dial := net.Dialer{ControlContext: smallReceiveBuffer}
	transport.DialContext = dial.DialContext
	client := &http.Client{Transport: transport}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.http+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	start, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		defer resp.Body.Close()
		select {
		case <-start:
			readSSE(tr, resp.Body)
			tr.add(record{Closed: true})
		case <-t.Context().Done():
		}
	}()
	t.Cleanup(func() {
		<-done
		transport.CloseIdleConnections()
	})
	return tr, func() { close(start) }
}
