package e2e

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestSiblings replays a log of 20 MB on an HTTP/2 connection, and stops
// reading it: another stream on the same connection is live all the while.
func TestSiblings(t *testing.T) {
	a, s := onSQLite(t, config{})
	const lines = 5000
	a.addJob(t, "huge")
	a.log(t, "huge", lines, strings.Repeat("x", 4000)+" %d")
	a.setState(t, "huge", "completed")
	a.addJob(t, "live")
	a.log(t, "live", 1, "first")

	huge := s.open(t, http.MethodGet, s.https+"/jobs/huge/logs?format=text", "")
	defer huge.Body.Close()
	if huge.ProtoMajor != 2 {
		t.Fatalf("the log came over %s", huge.Proto)
	}
	live := watch(t, s, s.https+"/jobs/live/logs") // the same client, and so the same connection
	live.awaitLines(t, 1)
	for i := range 10 { // now and then some of the log is read, so that it goes on
		if _, err := io.CopyN(io.Discard, huge.Body, 1<<20); err != nil {
			t.Fatal(err)
		}
		a.log(t, "live", 1, "meanwhile")
		live.awaitLines(t, i+2)
	}
	rest, err := io.Copy(io.Discard, huge.Body)
	if got := rest + 10<<20; err != nil || got < lines*4000 {
		t.Errorf("%d bytes of the log came, %v", got, err)
	}
}
