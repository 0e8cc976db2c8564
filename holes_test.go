package caddyjobs

import (
	"bytes"
	"fmt"
	"net"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// TestParkedHoles parks streams that came with cursors of many holes: once these
// are filled, they hold no more memory than such as came with none.
func TestParkedHoles(t *testing.T) {
	s := parkedSite(t, both)
	const rows, holes, streams = 4000, 1900, 32
	lines := make([]string, rows)
	for i := range lines {
		lines[i] = fmt.Sprint("line ", i)
	}
	s.post(t, "job", lines...)
	keep := s.get(t, "/jobs/job/logs?tail=0")
	keep.until("caught_up")
	parkedNow(t, 1)
	held := func(header string) int64 {
		before := heap()
		conns := make([]net.Conn, streams)
		for i := range conns {
			conns[i] = s.ask(t, header)
		}
		parkedNow(t, 1+streams)
		took := heap() - before
		for _, conn := range conns {
			_ = conn.Close()
		}
		parkedNow(t, 1)
		return took / streams
	}
	long := fmt.Sprintf("Last-Event-ID: %d~0%s\r\n", rows, strings.Repeat("-2", holes-1))
	held("") // what is made once
	none, many := held(fmt.Sprintf("Last-Event-ID: %d\r\n", rows)), held(long)
	t.Logf("a stream holds %d bytes, and %d if it came with %d holes", none, many, holes)
	if many > none+4<<10 {
		t.Errorf("a stream that came with %d holes holds %d bytes, not %d", holes, many, none)
	}
}

// heap is how much memory is in use.
func heap() int64 {
	var m runtime.MemStats
	for range 3 { // pools are emptied by the second
		runtime.GC()
	}
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// ask opens a stream, and reads it until it is live.
func (s *site) ask(t *testing.T, header string) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(s.dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET /jobs/job/logs HTTP/1.1\r\nHost: site\r\n%s\r\n", header); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for buf := make([]byte, 64<<10); !bytes.Contains(got, []byte("caught_up")); {
		n, err := conn.Read(buf)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got[max(0, len(got)-20):], buf[:n]...)
	}
	return conn
}
