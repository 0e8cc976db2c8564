package parking

import "time"

// What other goroutines want of a shard they leave here; the shard takes it
// when it next looks.

func (s *shard) arrive(e *entry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.arrived = append(s.arrived, e)
	if !s.running {
		s.running = true
		go s.run()
	}
	s.poke()
}

func (s *shard) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swept = s.running
	s.poke()
}

// changed notes that a group's emitter has more, which may have been visible
// since the given time.
func (s *shard) changed(g *group, since time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.signals++
	if !g.changed {
		g.changed, g.came = true, since
		s.dirty = append(s.dirty, g)
		s.poke()
	}
}

func (s *shard) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look
	}
}

// take empties the inbox.
func (s *shard) take() (arrived []*entry, swept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-s.wake: // it is for what is taken now
	default:
	}
	for _, g := range s.dirty {
		g.changed = false
		s.queue(g, g.came)
	}
	s.pacer.signals += s.signals
	s.pacer.groups += len(s.dirty)
	s.signals = 0
	clear(s.dirty)
	s.dirty = s.dirty[:0]
	arrived, s.arrived = s.arrived, nil
	swept, s.swept = s.swept, false
	return arrived, swept
}

// stop reports whether the shard has nothing left to do; if so, it is not
// running any more.
func (s *shard) stop() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.entries) > 0 || len(s.arrived) > 0 {
		return false
	}
	s.running = false
	return true
}
