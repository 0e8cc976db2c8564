package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// event is what a server would send of an event.
func event(n int64) string {
	return fmt.Sprintf("id: %d\ndata: {\"log\":{\"event_message\":\"%s\"}}\n\n", n, appendMessage(nil, 5, n))
}

const end = "data: {\"type\":\"complete\",\"state\":\"completed\"}\n\n"

// TestTally has a server that loses, doubles and reorders.
func TestTally(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "retry: 2000\n\n: hi\n\n")
		_ = http.NewResponseController(w).Flush() // or the response would have a length
		for _, n := range []int64{1, 2, 4, 3, 3, 7, 6} {
			_, _ = io.WriteString(w, event(n))
		}
		_, _ = io.WriteString(w, end)
	}))
	defer server.Close()
	l, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	job := &Job{Name: "job", Last: 8}
	ask, err := l.Connect(t.Context(), Viewers{
		Server: netip.MustParseAddrPort(server.Listener.Addr().String()), Protocol: Plain, Count: 2, Job: func(int) *Job { return job },
	})
	if err == nil {
		err = ask()
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if err = errors.Join(err, l.Run(ctx, func() bool { return len(l.viewers) == 0 })); err != nil {
		t.Fatal(err)
	}
	got := *l.Tally
	got.Latency = Histogram{}
	if want := (Tally{Delivered: 12, Lost: 4, Doubled: 2, Reordered: 4, Beats: 2, Ends: 2}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

// TestBroken has servers whose streams must not pass for good ones.
func TestBroken(t *testing.T) {
	const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	for name, answer := range map[string]string{
		"refused":        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
		"cut off":        head + "5\r\n: hi\n\r\n",
		"ends unfit":     head + "5\r\n: hi\n\r\n0\r\n\r\n",
		"size":           head + "x\r\n",
		"no line break":  head + "1\r\n:abc\r\n",
		"in trouble":     head + "e\r\nevent: error\n\n\r\n",
		"strange events": head + "b\r\ndata: \"t=1\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			server, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			served := make(chan error, 1)
			go func() { served <- serveOnce(server, answer) }()
			l, err := NewLoop()
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			ask, err := l.Connect(ctx, Viewers{
				Server: netip.MustParseAddrPort(server.Addr().String()), Protocol: Plain, Count: 1, Job: func(int) *Job { return new(Job) },
			})
			if err = errors.Join(err, ask()); err != nil {
				t.Fatal(err)
			}
			err = l.Run(ctx, func() bool { return false })
			if err == nil || ctx.Err() != nil {
				t.Errorf("got %v", err)
			}
			if err := errors.Join(l.Close(), <-served); err != nil {
				t.Error(err)
			}
		})
	}
}

// serveOnce answers one request and hangs up.
func serveOnce(l net.Listener, answer string) error {
	defer l.Close()
	conn, err := l.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Read(make([]byte, 4096))
	_, err2 := io.WriteString(conn, answer)
	return errors.Join(err, err2)
}

// TestPieces cuts a response at every byte.
func TestPieces(t *testing.T) {
	all := "HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n"
	for i, part := range []string{"retry: 2000\n\n", event(1) + event(2)[:20], event(2)[20:], end} {
		all += fmt.Sprintf([]string{"%x", "%X"}[i%2], len(part)) + "\r\n" + part + "\r\n"
	}
	all += "0\r\n\r\n"
	for cut := range len(all) {
		d, s, tally := new(http1), scanner{order: order{next: 1}}, new(Tally)
		body := func(b []byte) error { return s.scan(b, 15, tally) }
		err := d.decode([]byte(all[:cut]), nil, body)
		if err == nil {
			err = d.decode([]byte(all[cut:]), nil, body)
		}
		if !errors.Is(err, io.EOF) || s.next != 3 || tally.Ends != 1 || tally.Latency.Quantile(1) != 10 {
			t.Errorf("cut at %d: %v, %+v", cut, err, s)
		}
	}
}

func TestHistogram(t *testing.T) {
	h := new(Histogram)
	for i := range int64(100_000) {
		h.add(i * 1000)
	}
	for part, want := range map[float64]time.Duration{0: 0, 0.5: 50 * time.Millisecond, 0.99: 99 * time.Millisecond, 1: 100 * time.Millisecond} {
		if got := h.Quantile(part); got > want || got < want-want/100 {
			t.Errorf("quantile %g: got %s, want %s", part, got, want)
		}
	}
	for i := range len(h.counts) {
		if f := floor(i); f>>63 == 0 && bucket(f) != i {
			t.Fatalf("%d is the floor of bucket %d, and counts in %d", f, i, bucket(f))
		}
	}
}

// TestAnswers has answers in pieces.
func TestAnswers(t *testing.T) {
	p := new(Nchan)
	p.Append(nil, "job", [][]byte{nil, nil, nil})
	all := strings.Repeat("HTTP/1.1 201 Created\r\nContent-Length: 9\r\n\r\nqueued: 1", 3)
	for i := range all {
		if err := p.Answer([]byte(all[i : i+1])); err != nil || p.Settled() != (i >= len(all)-len(" 201 Created\r\nContent-Length: 9\r\n\r\nqueued: 1")+1) {
			t.Fatalf("after %d bytes: %t, %v", i+1, p.Settled(), err)
		}
	}
	if p.Answer([]byte("HTTP/1.1 413 Too Large\r\n")) == nil {
		t.Error("a refusal passes")
	}
	lines := new(Lines)
	lines.Question(nil)
	if lines.Settled() || lines.Answer([]byte("1")) != nil || lines.Settled() || lines.Answer([]byte("2\n")) != nil || !lines.Settled() || lines.Reads != 12 {
		t.Errorf("got %+v", lines)
	}
}
