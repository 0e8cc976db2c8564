package load

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/sys/unix"
)

// TestAgain cuts a stream at every byte: what was not whole comes again, and
// nothing else does.
func TestAgain(t *testing.T) {
	const events = 3
	const head = "retry: 1\n\n"
	var mu sync.Mutex // of what handlers share
	cut, asked := len(head)-1, []string(nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		after, _ := strconv.ParseInt(r.Header.Get("Last-Event-ID"), 10, 64)
		asked = append(asked, r.Header.Get("Last-Event-ID"))
		body := head
		for n := after + 1; n <= events; n++ {
			body += event(n)
		}
		body += end
		cut++
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if cut > len(body) && after == events {
			_, _ = fmt.Fprint(conn, "HTTP/1.1 204 No Content\r\n\r\n")
			return
		}
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body[:min(cut, len(body)-len(end))])
	}))
	defer server.Close()
	address := netip.MustParseAddrPort(server.Listener.Addr().String())
	l, breaks := watchAgain(t, address, events)
	if l.Tally.Delivered != events || l.Tally.Doubled != 0 || l.Tally.Lost != 0 || l.Tally.Reordered != 0 || l.Tally.Ends != 1 || l.Waiting() != 0 {
		t.Errorf("got %d, doubled %d, lost %d, reordered %d, ends %d, waiting %d",
			l.Tally.Delivered, l.Tally.Doubled, l.Tally.Lost, l.Tally.Reordered, l.Tally.Ends, l.Waiting())
	}
	mu.Lock()
	defer mu.Unlock()
	for id := range int64(events) {
		if !slices.Contains(asked, strconv.FormatInt(id+1, 10)) {
			t.Errorf("nobody asked for what follows %d: %q", id+1, asked)
		}
	}
	for i, b := range breaks {
		if b.Whole || !b.Begun || b.Said != "" || b.Retry != time.Millisecond {
			t.Errorf("break %d is %+v", i, b)
		}
	}
}

// watchAgain has one viewer that comes again until it has seen the end.
func watchAgain(t *testing.T, address netip.AddrPort, events int64) (l *Loop, breaks []Break) {
	t.Helper()
	l, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	job := &Job{Name: "job", Last: events}
	ask, err := l.Connect(t.Context(), Viewers{
		Server: address, Protocol: Plain, Count: 1, Job: func(int) *Job { return job },
		Again: func(b Break) netip.AddrPort {
			breaks = append(breaks, b)
			return address
		},
	})
	if err == nil {
		err = ask()
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.Run(ctx, func() bool { return l.Watching() == 0 }); err != nil {
		t.Fatal(err)
	}
	return l, breaks
}

// TestSent has a server that sends its viewer away, and then does not listen:
// the viewer tells of both.
func TestSent(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Last-Event-ID") != "" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		_, _ = fmt.Fprint(w, event(1)+"retry: 7\n\nevent: bye\ndata: {}\n\n")
	}))
	defer server.Close()
	address := netip.MustParseAddrPort(server.Listener.Addr().String())
	nobody := netip.AddrPortFrom(address.Addr(), 1)
	l, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	job, turn := &Job{Name: "job", Last: 1}, []netip.AddrPort{nobody, address}
	var breaks []Break
	ask, err := l.Connect(t.Context(), Viewers{
		Server: address, Protocol: Plain, Count: 1, Job: func(int) *Job { return job },
		Again: func(b Break) netip.AddrPort {
			breaks = append(breaks, b)
			return turn[len(breaks)-1]
		},
	})
	if err == nil {
		err = ask()
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err := l.Run(ctx, func() bool { return l.Watching() == 0 }); err != nil {
		t.Fatal(err)
	}
	if len(breaks) != 2 || breaks[0].Said != "bye" || !breaks[0].Whole || breaks[0].Retry != 7*time.Millisecond ||
		breaks[1].Begun || breaks[1].Whole || breaks[1].Said != "" || l.Tally.Delivered != 1 || l.Tally.Ends != 1 {
		t.Errorf("got %+v, %d events, %d ends", breaks, l.Tally.Delivered, l.Tally.Ends)
	}
}

// deaf sends a frame that is to be answered, and does not take the answer.
type deaf struct{ io.Reader }

func (deaf) Write([]byte) (int, error) { return 0, unix.EPIPE }

// TestUnanswered has a server that is gone when it is to be answered.
func TestUnanswered(t *testing.T) {
	var sent bytes.Buffer
	if err := http2.NewFramer(&sent, nil).WriteSettings(); err != nil {
		t.Fatal(err)
	}
	v := &viewer{conn: deaf{&sent}, decoder: &http2c{}}
	if err := v.read(make([]byte, 100), func() int64 { return 0 }, new(Tally)); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}
