package parking

import (
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// The wheel has a slot for each grain of the next while. What is due later is
// looked at again when the wheel has turned once.
const (
	grain = 250 * time.Millisecond
	slots = 64
)

// wheel is the timers of a shard.
type wheel struct {
	slots [slots][]*entry
	at    int
}

// put lets an entry be looked at so much later.
func (w *wheel) put(e *entry, later time.Duration) {
	n := min(max(int((later+grain-1)/grain), 1), slots-1)
	i := (w.at + n) % slots
	w.slots[i] = append(w.slots[i], e)
}

// turn returns the entries that are to be looked at now.
func (w *wheel) turn() []*entry {
	w.at = (w.at + 1) % slots
	due := w.slots[w.at]
	w.slots[w.at] = nil
	return due
}

// tick calls those whose time has come.
func (s *shard) tick() {
	s.now = time.Now()
	for _, e := range s.wheel.turn() {
		switch {
		case e.guest == nil: // it has left
		case s.now.Before(e.due):
			s.wheel.put(e, e.due.Sub(s.now))
		default:
			s.call(e)
		}
	}
}

// parting is how long a client that was told to go may take to hear of it.
const parting = 2 * time.Second

// call calls an entry's Tick, and sends what it says.
func (s *shard) call(e *entry) {
	if e.ending {
		s.hurry(e)
		return
	}
	said, next, why := e.guest.Tick(s.scratch[:joblog.ChunkRoom], s.now.Sub(e.wrote), e.full)
	s.scratch = said
	if len(said) > joblog.ChunkRoom && (!e.full || why != "") {
		s.say(e, said)
	}
	switch {
	case e.guest == nil:
	case why != "" && len(said) == joblog.ChunkRoom:
		s.gone(e, why)
	case why != "":
		s.end(e, why)
	default:
		s.later(e, next)
	}
}

// hurry ends waiting for a client that was told to go. One whose log is
// complete may take its time.
func (s *shard) hurry(e *entry) {
	switch {
	case e.why == Complete:
	case e.due.IsZero() || s.now.Before(e.due): // it is new, or the lot is swept
		s.later(e, parting)
	default:
		s.gone(e, HungUp)
	}
}

// later has an entry called again.
func (s *shard) later(e *entry, d time.Duration) {
	e.due = s.now.Add(d)
	s.wheel.put(e, d)
}
