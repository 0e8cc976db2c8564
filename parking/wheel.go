package parking

import (
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// The wheel has a slot for each grain of the next while, longer than heartbeats
// are by default. What is due later is looked at again when the wheel has turned
// once. Streams that are to end one after the other end as evenly as it is fine.
const (
	grain = 50 * time.Millisecond
	slots = 320
)

// wheel is the timers of a shard.
type wheel struct {
	slots [slots][]timer
	at    int
}

// timer is that an entry is to be looked at, unless it was set again since.
type timer struct {
	*entry
	set uint32
}

// put lets an entry be looked at so much later.
func (w *wheel) put(e *entry, later time.Duration) {
	n := min(max(int((later+grain-1)/grain), 1), slots-1)
	i := (w.at + n) % slots
	w.slots[i] = append(w.slots[i], timer{e, e.set})
}

// turn returns the timers whose time has come.
func (w *wheel) turn() []timer {
	w.at = (w.at + 1) % slots
	due := w.slots[w.at]
	w.slots[w.at] = nil
	return due
}

// tick calls those whose time has come.
func (s *shard) tick() {
	s.now = time.Now()
	for _, t := range s.wheel.turn() {
		switch {
		case t.guest == nil || t.set != t.entry.set: // it has left, or has another timer
		case s.now.Before(t.due):
			s.wheel.put(t.entry, t.due.Sub(s.now))
		default:
			s.call(t.entry)
		}
	}
}

// Parting is how long a client that was told to go may take to hear of it.
const Parting = 2 * time.Second

// call calls an entry's Tick, and sends what it says.
func (s *shard) call(e *entry) {
	defer s.rescue(e)
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

// hurry ends waiting for a client that is to take the end. One whose log is
// complete may take its time, as long as its guest says nothing else.
func (s *shard) hurry(e *entry) {
	switch {
	case e.limited && s.now.Before(e.due): // the lot is swept
	case e.limited:
		s.gone(e, e.why)
	case e.why != Complete:
		e.limited = true
		s.later(e, Parting)
	default:
		_, next, why := e.guest.Tick(s.scratch[:joblog.ChunkRoom], s.now.Sub(e.wrote), true)
		s.allow(e, next, why)
	}
}

// allow gives a client whose log is complete the time that is next or, if there
// is a reason, little, and none if it has taken nothing for long.
func (s *shard) allow(e *entry, next time.Duration, why Reason) {
	switch why {
	case "":
		s.later(e, next)
	case Stalled:
		s.gone(e, why)
	default:
		e.limited, e.why = true, why
		s.later(e, Parting)
	}
}

// later has an entry called again, and not before.
func (s *shard) later(e *entry, d time.Duration) {
	e.set++
	e.due = s.now.Add(d)
	s.wheel.put(e, d)
}
