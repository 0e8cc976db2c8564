package parking

import (
	"strings"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestBound has clients take nothing of a large row: what is kept for them is
// bounded, who comes beyond it is cut, and what was kept is given back.
func TestBound(t *testing.T) {
	const row, clients, most = 8 << 20, 4, 20 << 20
	lot := NewLot(func(time.Duration) {}, func(cause string) { t.Error(cause) })
	lot.Bound(most)
	ends := make(chan Reason, clients)
	var close []func() error
	for range clients {
		em, stream, c, client := open(t, empty{})
		lot.Park(leaving{why: ends}, stream, c)
		em.Append(joblog.Cursor{N: 1}, time.Now(), []joblog.Event{{ID: 1, Job: "job", Message: strings.Repeat("x", row)}})
		close = append(close, client.Close)
	}
	for range clients - 2 {
		if why := <-ends; why != Stalled {
			t.Errorf("one beyond the bound ended as %q", why)
		}
	}
	if kept := lot.kept.Load(); kept > most {
		t.Errorf("%d bytes are kept, want at most %d", kept, most)
	}
	for _, f := range close {
		_ = f()
	}
	for range 2 {
		<-ends
	}
	if kept := lot.kept.Load(); kept != 0 {
		t.Errorf("%d bytes count when nobody is left", kept)
	}
}
