package caddyjobs

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestTimeouts sets limits that a stream must outlive: for the whole response,
// and for the whole request.
func TestTimeouts(t *testing.T) {
	s := newSite(t, sqliteStore+"servers {\n timeouts {\n read_body 1s\n write 1s\n }\n}", both)
	logged(t, s, "job", 2, "running")
	st := s.get(t, "/jobs/job/logs")
	st.until("caught_up")
	over := time.NewTimer(1500 * time.Millisecond) // the limits' length is what is tested
	defer over.Stop()
	<-over.C
	logged(t, s, "job", 2, "completed")
	if got := messages(st.rest()); got != "0 1" {
		t.Errorf("after the limits came %q", got)
	}
}

// TestStalledHTTP2 has a stream wait for longer than one write may stall, and
// another one whose client reads nothing for as long: it ends.
func TestStalledHTTP2(t *testing.T) {
	const limit = 500 * time.Millisecond
	s := newSite(t, sqliteStore+"servers {\n protocols h1 h2c\n timeouts {\n write_idle 500ms\n }\n}", both)
	transport := s.client.Transport.(*http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	transport.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}

	s.post(t, "job", "first")
	quiet := s.get(t, "/jobs/job/logs")
	quiet.until("caught_up")
	over := time.NewTimer(2 * limit) // the limit's length is what is tested
	defer over.Stop()
	<-over.C

	before := everyone.count()
	stalled := s.get(t, "/jobs/job/logs")
	stalled.until("caught_up")
	line := strings.Repeat("x", 32<<10)
	for range 4 {
		s.post(t, "job", line, line)
		quiet.until(line)
		quiet.until(line)
	}
	eventually(t, "the stream that stalls ends", func() bool { return everyone.count() == before })
	if rest, err := stalled.all(); err == nil {
		t.Errorf("the stalled stream ended well after %d bytes", len(rest))
	}
	s.put(t, "job", "completed")
	if rest := quiet.rest(); !strings.Contains(rest, "completed") {
		t.Errorf("the other stream ended with %q", rest)
	}
}
