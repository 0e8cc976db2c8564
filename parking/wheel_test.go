package parking

import (
	"testing"
	"time"
)

// TestSwept calls an entry again and again, as sweeps do: it keeps one timer.
func TestSwept(t *testing.T) {
	s, g := parkedShard(t, 1)
	for range 100 {
		s.call(g.entries[0])
	}
	for range slots {
		s.tick()
	}
	timers := 0
	for _, slot := range s.wheel.slots {
		timers += len(slot)
	}
	if timers != 1 {
		t.Errorf("there are %d timers", timers)
	}
}

// teller is a guest that says one thing, and keeps why it went.
type teller struct {
	still
	why  Reason
	left chan Reason
}

func (g *teller) Tick(b []byte, _ time.Duration, _ bool) ([]byte, time.Duration, Reason) {
	return b, time.Hour, g.why
}

func (g *teller) Gone(why Reason) { g.left <- why }

// TestBlockedEnd has streams whose client takes nothing of the end: the guest
// says for how long that may be, and who was told to go gets a little time.
func TestBlockedEnd(t *testing.T) {
	const never = Reason("")
	for name, test := range map[string]struct{ end, says, now, later Reason }{
		"complete":                        {Complete, never, never, never},
		"complete, and stalled":           {Complete, Stalled, Stalled, never},
		"complete, and told to go":        {Complete, "drained", never, "drained"},
		"told to go":                      {"drained", never, never, "drained"},
		"told to go, and stalled as well": {"drained", Stalled, never, "drained"},
	} {
		t.Run(name, func(t *testing.T) {
			s, g := parkedShard(t, 1)
			e, guest := g.entries[0], &teller{left: make(chan Reason, 1)}
			e.guest, e.ending, e.why = guest, true, test.end
			e.conn.rest = []byte("what the client does not take")
			s.now = time.Now()
			s.call(e)
			guest.why = test.says
			check := func(when string, want Reason) {
				t.Helper()
				s.call(e)
				got := never
				if e.guest == nil {
					got = <-guest.left
				}
				if got != want {
					t.Fatalf("%s it goes with %q, want %q", when, got, want)
				}
			}
			if check("at once", test.now); test.now != never {
				return
			}
			s.now = s.now.Add(Parting / 2)
			check("swept again", never)
			s.now = s.now.Add(Parting)
			check("later", test.later)
		})
	}
}
