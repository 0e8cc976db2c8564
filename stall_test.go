package caddyjobs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/http2"

	"github.com/caddyjobs/caddyjobs/internal/testhttp2"
)

// stalls is how often streams were cut whose client took nothing.
func stalls(t *testing.T) float64 {
	t.Helper()
	return figures(t)["caddyjobs_streams_ended_total{reason=stalled}"]
}

// stallSite cuts clients after a second.
func stallSite(t *testing.T, options string) *site {
	t.Helper()
	return newSite(t, options+strings.Replace(sqliteStore, "poll_interval", "stall_timeout 1s\n heartbeat 1s\n poll_interval", 1), both)
}

// overHTTP2 has a site's client speak HTTP/2, which the options let it.
func (s *site) overHTTP2(receive int) {
	transport := s.client.Transport.(*http.Transport)
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetUnencryptedHTTP2(true)
	transport.HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: receive}
}

const withHTTP2 = "servers {\n protocols h1 h2c\n}\n"

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
	s := stallSite(t, "")
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
	s := stallSite(t, withHTTP2)
	s.overHTTP2(64 << 10)
	s.post(t, "job", "first")
	before, cut := everyone.count(), stalls(t)
	stalled, swift := s.get(t, "/jobs/job/logs"), s.get(t, "/jobs/job/logs")
	stalled.until("caught_up")
	swift.until("caught_up")
	flood(t, s, swift)
	eventually(t, "who takes nothing is cut", func() bool { return everyone.count() == before+1 })
	if n := stalls(t) - cut; n != 1 {
		t.Errorf("%v streams count as stalled", n)
	}
	if rest, err := stalled.all(); err == nil {
		t.Errorf("the stalled stream ended well after %d bytes", len(rest))
	}
	s.put(t, "job", "completed")
	if rest := swift.rest(); !strings.Contains(rest, "completed") {
		t.Errorf("the other stream ended with %q", rest)
	}
}

// TestStallTimeoutDeafHTTP2 has a connection of HTTP/2 take nothing at all, not even
// that its streams are reset.
func TestStallTimeoutDeafHTTP2(t *testing.T) {
	s := stallSite(t, withHTTP2)
	s.post(t, "job", slices.Repeat([]string{strings.Repeat("x", 200_000)}, 10)...)
	const streams = 10
	open, before := everyone.count(), stalls(t)
	conn := s.multiplex(t, testhttp2.Widest, streams, func(int) string { return "/jobs/job/logs" })
	eventually(t, "all have begun", func() bool { return everyone.count() == open+streams })
	eventually(t, "all are cut", func() bool { return everyone.count() == open })
	if n := stalls(t) - before; n == 0 {
		t.Error("none counts as stalled")
	}
	eventually(t, "the connection is closed", func() bool {
		_, err := conn.Write([]byte("x"))
		return err != nil
	})
}

// TestStallTimeoutSlowHTTP2 has a connection of HTTP/2 be read slowly all the time, but
// for one of its streams: that one is reset once what was written before is read, and
// the other goes on.
func TestStallTimeoutSlowHTTP2(t *testing.T) {
	s := newSite(t, withHTTP2+strings.Replace(sqliteStore, "poll_interval", "stall_timeout 3s\n heartbeat 1s\n poll_interval", 1), both)
	for range 8 {
		s.post(t, "job", slices.Repeat([]string{strings.Repeat("x", 20_000)}, 20)...)
	}
	open, cut := everyone.count(), stalls(t)
	requests, err := testhttp2.Client{Scheme: "http", Authority: "site", Window: testhttp2.First}.Requests("/jobs/job/logs", "/jobs/job/logs")
	if err != nil {
		t.Fatal(err)
	}
	conn := s.dial(t)
	var wider bytes.Buffer // for the second stream, and the connection
	f := http2.NewFramer(&wider, nil)
	if err := errors.Join(f.WriteWindowUpdate(3, 1<<30), f.WriteWindowUpdate(0, 1<<30)); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write(append(requests, wider.Bytes()...)); err != nil {
		t.Fatal(err)
	}
	slow := make(chan error, 1)
	go func() {
		part := make([]byte, 6<<10)
		for {
			if _, err := io.ReadFull(conn, part); err != nil {
				slow <- err
				return
			}
			pause(t.Context(), 50*time.Millisecond)
		}
	}()
	eventually(t, "both have begun", func() bool { return everyone.count() == open+2 })
	eventually(t, "one is cut", func() bool { return stalls(t) == cut+1 })
	select {
	case err := <-slow:
		t.Errorf("the connection was closed: %v", err)
	case <-time.After(time.Second):
	}
	if n := everyone.count() - open; n != 1 {
		t.Errorf("%d streams are open, want 1", n)
	}
}

// TestStallAtTheEnd has clients that take nothing of the end of logs that are
// complete, of sizes about that of the buffers on the way to them.
func TestStallAtTheEnd(t *testing.T) {
	s := stallSite(t, "")
	open := everyone.count()
	for i := range 20 {
		job := fmt.Sprint("job-", i)
		s.post(t, job, slices.Repeat([]string{strings.Repeat("x", 10_000)}, 2*i+1)...)
		s.put(t, job, "completed")
		s.raw(t, "HTTP/1.1", "/jobs/"+job+"/logs")
	}
	before := stalls(t)
	eventually(t, "all have ended", func() bool { return everyone.count() == open })
	if n := stalls(t) - before; n == 0 {
		t.Error("none was blocked")
	}
}

// TestSlowReader reads a large row over HTTP/2 for longer than a client may take
// nothing: it takes something all the time.
func TestSlowReader(t *testing.T) {
	s := stallSite(t, withHTTP2)
	s.overHTTP2(64 << 10)
	s.post(t, "job", strings.Repeat("x", 1_000_000))
	s.put(t, "job", "completed")
	st := s.get(t, "/jobs/job/logs")
	defer st.waits()()
	begun, got, part := time.Now(), 0, make([]byte, 32<<10)
	for {
		n, err := io.ReadFull(st.body, part)
		if got += n; err != nil {
			if !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
				t.Fatalf("after %d bytes: %v", got, err)
			}
			break
		}
		pause(t.Context(), 50*time.Millisecond) // which is how slow it is
	}
	if took := time.Since(begun); took < time.Second || got < 1_000_000 || !strings.Contains(string(part), "completed") {
		t.Errorf("%d bytes came in %v, %q last", got, took, part[:100])
	}
}
