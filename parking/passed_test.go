package parking

import (
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestPassed counts how often a shard tells how long it took until all streams
// of an emitter had what is new: once a pass, whatever the number of streams,
// and only if anything was sent.
func TestPassed(t *testing.T) {
	s, g := parkedShard(t, 3)
	var delays []time.Duration
	s.lot.passed = func(d time.Duration) { delays = append(delays, d) }
	var id int64
	write := func(severity string, ago time.Duration) {
		id++
		g.em.Append(joblog.Cursor{N: id}, time.Now().Add(-ago), []joblog.Event{{ID: id, Job: "job", Severity: severity, Message: "line"}})
	}
	check := func(what string, want ...time.Duration) {
		t.Helper()
		s.now = time.Now()
		s.take()
		for s.pass(); len(s.passes) > 0; s.pass() {
		}
		if len(delays) != len(want) {
			t.Fatalf("%s: told %v, want %d", what, delays, len(want))
		}
		for i, d := range delays {
			if d < want[i] || d > want[i]+time.Hour/2 {
				t.Errorf("%s: told %v, want a little more than %v", what, d, want[i])
			}
		}
		delays = nil
	}
	write("info", time.Hour)
	check("one row", time.Hour)
	write("info", 2*time.Hour)
	write("info", time.Hour)
	check("two rows before the pass", 2*time.Hour)
	s.queue(g, time.Now())
	check("nothing new")
	write("info", 3*time.Hour)
	s.take()
	write("info", 2*time.Hour)
	write("info", time.Hour)
	check("rows while a pass is under way", 3*time.Hour)
	write("info", 3*time.Hour)
	s.take()
	s.push(g.entries[2]) // one of three has its turn before there is more
	g.left = 2
	write("info", 2*time.Hour)
	s.take()
	write("info", time.Hour)
	check("rows that another pass has to send", 3*time.Hour, 2*time.Hour)
	g.em.Complete("completed", joblog.Cursor{N: id})
	check("the end")
}
