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

// call calls an entry's Tick, and sends what it says.
func (s *shard) call(e *entry) {
	said, next, last := e.guest.Tick(s.scratch[:joblog.ChunkRoom], s.now.Sub(e.wrote))
	s.scratch = said
	if len(said) > joblog.ChunkRoom && !e.ending && (!e.full || last) {
		s.say(e, said)
	}
	if e.guest == nil {
		return
	}
	if last {
		s.end(e, Dismissed)
		return
	}
	e.due = s.now.Add(next)
	s.wheel.put(e, next)
}
