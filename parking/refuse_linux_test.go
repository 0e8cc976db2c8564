package parking

import (
	"context"
	"io"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// leaving is a guest that tells why it has gone.
type leaving struct {
	still
	why chan Reason
}

func (l leaving) Gone(why Reason) { l.why <- why }

// TestNoDescriptors parks a stream when no more files may be opened: its client
// is cut, and comes again; the process goes on.
func TestNoDescriptors(t *testing.T) {
	em := joblog.NewEmitter("job")
	em.Open(joblog.Cursor{})
	guest, lot := leaving{why: make(chan Reason, 1)}, NewLot(func(time.Duration) {}, func(string) {})
	c, client := pair(t, false)
	stream := joblog.NewStream(empty{}, em, joblog.Options{Tail: -1})
	for state := joblog.More; state != joblog.Idle; {
		_, state, _ = stream.Pull(context.Background(), nil)
	}
	starved(t, func() {
		lot.Park(guest, stream, c)
		<-guest.why
	})
	if n, err := client.Read(make([]byte, 1)); n != 0 || err != io.EOF { //nolint:errorlint // it is what a cut connection gives
		t.Errorf("the client read %d bytes, %v", n, err)
	}
	if n := lot.Counts().Parked; n != 0 {
		t.Errorf("%d streams are parked", n)
	}
}

// starved runs do when no file can be opened.
func starved(t *testing.T, do func()) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	low := before
	low.Cur = 0
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &low); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
			t.Fatal(err)
		}
	}()
	timeout := time.AfterFunc(time.Minute, func() { panic("it does not end") })
	defer timeout.Stop()
	do()
}
