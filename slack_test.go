package caddyjobs

import (
	"fmt"
	"io"
	"net"
	"runtime"
	runtimemetrics "runtime/metrics"
	"slices"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/internal/testhttp2"
)

// inUse is how many bytes are in use.
func inUse() int64 {
	runtime.GC()
	runtime.GC() // what pools keep goes with the second one
	sample := []runtimemetrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	runtimemetrics.Read(sample)
	return int64(sample[0].Value.Uint64() + sample[1].Value.Uint64())
}

// takeNothing asks for streams on one connection of HTTP/2, of which it takes what
// the server may send at first, and no more.
func (s *site) takeNothing(t *testing.T, streams int, path func(i int) string) {
	t.Helper()
	conn := s.multiplex(t, 1000, streams, path)
	go func() { _, _ = io.Copy(io.Discard, conn) }()
}

// multiplex asks for streams on one connection of HTTP/2, each with a window.
func (s *site) multiplex(t *testing.T, window uint32, streams int, path func(i int) string) net.Conn {
	t.Helper()
	var paths []string
	for i := range streams {
		paths = append(paths, path(i))
	}
	requests, err := testhttp2.Client{Scheme: "http", Authority: "site", Window: window}.Requests(paths...)
	if err != nil {
		t.Fatal(err)
	}
	conn := s.dial(t)
	if _, err := conn.Write(requests); err != nil {
		t.Fatal(err)
	}
	return conn
}

// TestSlowReadersHeap has streams of a long log over HTTP/2, in all ways to read
// it, whose clients take nothing: each costs a cursor, and what is being written.
func TestSlowReadersHeap(t *testing.T) {
	const streams, each = 16, 128 << 10
	for name, query := range map[string]func(i int) string{
		"all":      func(int) string { return "" },
		"cursors":  func(i int) string { return fmt.Sprint("?lastEventId=", 100*i+1) },
		"text":     func(i int) string { return fmt.Sprint("?format=text&lastEventId=", 100*i+1) },
		"tail":     func(i int) string { return fmt.Sprint("?tail=", 1000-i) },
		"severity": func(int) string { return "?severity=notice" },
		"holes":    func(i int) string { return fmt.Sprintf("?lastEventId=%d~1", 1000+i) },
	} {
		t.Run(name, func(t *testing.T) {
			s := withLittleHistory(t, "1MiB", both)
			line := strings.Repeat("x", 1600)
			for range 3 {
				st := s.open(t, "POST", "/jobs/job/logs", strings.Repeat(`{"event_message":"`+line+`","severity":"error"}`+"\n", 1000), "Content-Type", "application/x-ndjson")
				if st.status != 200 {
					t.Fatal(st.rest())
				}
			}
			eventually(t, "earlier streams are gone", func() bool { return everyone.count() == 0 })
			before := inUse()
			s.takeNothing(t, streams, func(i int) string { return "/jobs/job/logs" + query(i) })
			eventually(t, "all are blocked, and have shed what they had", func() bool { return blocked() == streams })
			if per := (inUse() - before) / streams; per > each {
				t.Errorf("each of %d streams costs %d bytes", streams, per)
			} else {
				t.Logf("each costs %d bytes", per)
			}
		})
	}
}

// withLittleHistory is a site that speaks HTTP/2, and keeps little for all viewers.
func withLittleHistory(t *testing.T, history, body string) *site {
	t.Helper()
	return newSite(t, withHTTP2+strings.Replace(sqliteStore, "poll_interval", "history "+history+"\n poll_interval", 1), body)
}

// TestSlowReadersUnparked is the same over HTTP/1.1, where nothing is parked.
func TestSlowReadersUnparked(t *testing.T) {
	before := *parkingFlag
	*parkingFlag = "off"
	t.Cleanup(func() { *parkingFlag = before })
	s := withLittleHistory(t, "1MiB", both)
	for range 50 {
		s.post(t, "job", slices.Repeat([]string{strings.Repeat("x", 4000)}, 100)...)
	}
	eventually(t, "earlier streams are gone", func() bool { return everyone.count() == 0 })
	const streams, each = 50, 128 << 10
	used := inUse()
	for i := range streams {
		fmt.Fprintf(s.dial(t), "GET /jobs/job/logs?lastEventId=%d HTTP/1.1\r\nHost: site\r\n\r\n", 10*i+1)
	}
	eventually(t, "all are blocked, and have shed what they had", func() bool { return blocked() == streams })
	per := (inUse() - used) / streams
	if t.Logf("each costs %d bytes", per); per > each {
		t.Errorf("each of %d streams costs %d bytes", streams, per)
	}
}

// TestSlowReadersOfLargeRows has rows of which one alone is much: those that are
// kept for clients that take nothing are bounded, and who comes beyond that is cut.
func TestSlowReadersOfLargeRows(t *testing.T) {
	const streams = 40
	s := withLittleHistory(t, "8MiB", both)
	for range 3 {
		s.post(t, "job", strings.Repeat("x", 1_000_000))
	}
	eventually(t, "earlier streams are gone", func() bool { return everyone.count() == 0 })
	before := stalls(t)
	s.takeNothing(t, streams, func(int) string { return "/jobs/job/logs" })
	eventually(t, "some are blocked, and the others were cut", func() bool {
		n := blocked()
		return n > 0 && stalls(t)-before == float64(streams-n)
	})
	if n := blocked(); n > 8 {
		t.Errorf("%d streams keep a row of 1 MB each", n)
	}
}

// blocked is how many streams are, and have shed what they had.
func blocked() (n int) {
	everyone.mu.Lock()
	defer everyone.mu.Unlock()
	for _, v := range everyone.viewers {
		v.shed.mu.Lock()
		if v.shed.dropped {
			n++
		}
		v.shed.mu.Unlock()
	}
	return n
}
