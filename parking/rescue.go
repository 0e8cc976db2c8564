package parking

import (
	"fmt"
	"runtime/debug"
)

// rescue is deferred around what may panic for one stream's sake. It then tells
// of it, and ends what has to end.
func (l *Lot) rescue(end func()) {
	if cause := recover(); cause != nil {
		l.tell(cause)
		end()
	}
}

// rescue is deferred around what a shard does for one entry, which then ends.
func (s *shard) rescue(e *entry) {
	if cause := recover(); cause != nil {
		s.lot.tell(cause)
		s.gone(e, Broken)
	}
}

// clear is deferred around all that a shard does: if it is the shard that
// panicked, and not one of its entries, all of them end, and it begins anew.
func (s *shard) clear() {
	cause := recover()
	if cause == nil {
		return
	}
	s.lot.tell(cause)
	for em, g := range s.groups {
		em.Ignore(g)
	}
	for _, e := range s.entries {
		s.lot.parked.Add(-1)
		s.lot.kept.Add(-e.kept)
		s.lot.Abandon(e.guest, e.stream, e.conn, Broken)
	}
	clear(s.entries)
}

func (l *Lot) tell(cause any) { l.broken(fmt.Sprintf("%v\n%s", cause, debug.Stack())) }
