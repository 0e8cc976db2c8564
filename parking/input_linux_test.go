package parking

import (
	"bytes"
	"io"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestInput has clients send what nobody reads while they are parked, once or all
// the time until the end comes: they get every line and the end all the same.
func TestInput(t *testing.T) {
	const lines = 3000
	for name, c := range map[string]struct{ secure, again bool }{
		"plain": {false, false}, "plain, until the end": {false, true}, "tls": {true, false}, "tls, until the end": {true, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lot := NewLot(func(time.Duration) {}, func(cause string) { t.Error(cause) })
			conn, client := pair(t, c.secure)
			conn.chunked = true
			em, stream := live(empty{})
			guest := leaving{why: make(chan Reason, 1)}
			lot.Park(guest, stream, conn)
			request := bytes.Repeat([]byte("GET / HTTP/1.1\r\nHost: site\r\n\r\n"), 20)
			if _, err := client.Write(request); err != nil {
				t.Fatal(err)
			}
			events := make([]joblog.Event, lines)
			for i := range events {
				events[i] = joblog.Event{ID: int64(i + 1), Job: "job", Message: "a line of a log that is about as long as such lines are"}
			}
			em.Append(joblog.Cursor{N: lines}, time.Now(), events)
			em.Complete("completed", joblog.Cursor{N: lines})
			var got bytes.Buffer
			part := make([]byte, 4096)
			for {
				n, err := client.Read(part)
				got.Write(part[:n])
				if err != nil {
					if err != io.EOF { //nolint:errorlint // it is what an orderly end gives
						t.Errorf("after %d bytes: %v", got.Len(), err)
					}
					break
				}
				if c.again && got.Len() > 100_000 {
					if _, err := client.Write(request); err != nil {
						t.Errorf("sending: %v", err)
					}
					c.again = false
				}
			}
			_ = client.Close()
			if n := bytes.Count(got.Bytes(), []byte(`"log"`)); n != lines || !bytes.HasSuffix(got.Bytes(), []byte("\r\n0\r\n\r\n")) {
				t.Errorf("%d lines came, ending with %q", n, got.Bytes()[max(0, got.Len()-20):])
			}
			if why := <-guest.why; why != Complete {
				t.Errorf("it ended as %q", why)
			}
		})
	}
}

// TestInputFlood has a client send all the time, and take nothing of the end: its
// connection is closed in the time that there is for who hears of the end.
func TestInputFlood(t *testing.T) {
	lot := NewLot(func(time.Duration) {}, func(cause string) { t.Error(cause) })
	conn, client := pair(t, false)
	em, stream := live(empty{})
	guest := leaving{why: make(chan Reason, 1)}
	lot.Park(guest, stream, conn)
	sent := make(chan int64)
	go func() {
		n, _ := io.Copy(client, zeros{})
		sent <- n
	}()
	em.Complete("completed", joblog.Cursor{})
	<-guest.why
	t.Logf("%d bytes were sent", <-sent)
}

// zeros has no end.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) { return len(b), nil }
