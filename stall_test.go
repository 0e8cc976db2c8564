package caddyjobs

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// stalls is how often streams were cut: the handler of one that is not parked
// sees a write that fails.
func stalls(t *testing.T) float64 {
	t.Helper()
	const name = "caddyjobs_streams_ended_total{reason="
	return figures(t)[name+"stalled}"] + figures(t)[name+"hung up}"]
}

// flood writes more than all buffers on the way to a client hold, which swift
// reads.
func flood(t *testing.T, s *site, swift *stream) {
	t.Helper()
	for i := range 10 {
		s.post(t, "job", strings.Repeat("x", 200_000), fmt.Sprint("part ", i))
		swift.until(fmt.Sprintf(`"part %d"`, i))
	}
}

// TestStallTimeout cuts a parked stream whose client takes nothing for too long,
// and not the one beside it that is only silent. The client goes on where it was.
func TestStallTimeout(t *testing.T) {
	s := newSite(t, strings.Replace(sqliteStore, "poll_interval", "stall_timeout 1s\n heartbeat 1s\n poll_interval", 1), both)
	s.post(t, "job", "first")
	before, open := stalls(t), everyone.count()
	s.raw(t, "HTTP/1.1", "/jobs/job/logs")
	swift := s.get(t, "/jobs/job/logs")
	swift.until("first")
	flood(t, s, swift)
	eventually(t, "who takes nothing is cut", func() bool { return stalls(t) == before+1 })
	if n := everyone.count(); n != open+1 {
		t.Errorf("%d streams are open", n-open)
	}
	s.put(t, "job", "completed")
	swift.until("complete")
	again := s.get(t, "/jobs/job/logs", "Last-Event-ID", "1").rest()
	if got := strings.Count(again, `{"log":`); got != 20 {
		t.Errorf("%d rows came to who came again, want 20", got)
	}
}

// TestStallTimeoutHTTP2 cuts a stream of HTTP/2, and not the one beside it on
// the same connection.
func TestStallTimeoutHTTP2(t *testing.T) {
	options := "servers {\n protocols h1 h2c\n}\n" + strings.Replace(sqliteStore, "poll_interval", "stall_timeout 1s\n poll_interval", 1)
	s := newSite(t, options, both)
	transport := s.client.Transport.(*http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	transport.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}
	s.post(t, "job", "first")
	before := everyone.count()
	stalled, swift := s.get(t, "/jobs/job/logs"), s.get(t, "/jobs/job/logs")
	stalled.until("caught_up")
	swift.until("caught_up")
	flood(t, s, swift)
	eventually(t, "who takes nothing is cut", func() bool { return everyone.count() == before+1 })
	if rest, err := io.ReadAll(stalled.body); err == nil {
		t.Errorf("the stalled stream ended well after %d bytes", len(rest))
	}
	s.put(t, "job", "completed")
	if rest := swift.rest(); !strings.Contains(rest, "completed") {
		t.Errorf("the other stream ended with %q", rest)
	}
}
