package joblog

// Burst is what live streams get next that stand at the same frame and want
// the same, encoded once for all of them. It must not be changed.
type Burst struct {
	next   int64  // number of the frame after it
	latest Cursor // of its last frame
	rows   int64  // that passed them
	over   bool   // its last frame did not
	chunk  []byte
	body   []byte // within chunk, unless that is several
}

// Chunk is the burst as a part of an HTTP/1.1 response; empty if no row passed
// the filters.
func (b *Burst) Chunk() []byte { return b.chunk }

// Rows is how many rows are in it.
func (b *Burst) Rows() int64 { return b.rows }

// Body is the burst without chunk framing.
func (b *Burst) Body() []byte { return b.body }

// want is what streams have in common that get the same burst.
type want struct {
	from   int64
	format Format
	rank   Rank
	since  int64
}

// Bursts are those of one emitter. They are made when they are first asked
// for, and kept until Reset. The zero value is ready; it is used by one
// goroutine at a time.
type Bursts struct {
	made map[want]*Burst
	last want // the one asked for last, which the next stream mostly wants, too
	same *Burst
}

// Reset forgets the bursts: the emitter has more.
func (bs *Bursts) Reset() {
	clear(bs.made)
	bs.same = nil
}

// get is a burst of an emitter, without rows if there is nothing new; nil if
// its beginning has fallen off the ring.
func (bs *Bursts) get(em *Emitter, w want) *Burst {
	if bs.same != nil && bs.last == w {
		return bs.same
	}
	b, ok := bs.made[w]
	if !ok {
		if bs.made == nil {
			bs.made = map[want]*Burst{}
		}
		b = em.burst(w)
		bs.made[w] = b
	}
	bs.last, bs.same = w, b
	return b
}

// burst makes a burst of about a chunk, nil if its beginning has fallen off
// the ring.
func (e *Emitter) burst(w want) *Burst {
	b, loose := &Burst{}, false
	opts := Options{Rank: w.rank, Since: w.since}
	buf := make([]byte, ChunkRoom, 1024)
	next, ok := e.Range(w.from, func(f *Frame) bool {
		if len(buf) >= chunk {
			return false
		}
		b.latest = f.Cursor
		if b.over = !opts.wants(f.Rank, f.Millis); !b.over {
			b.rows++
			loose = !f.named()
			buf = w.format.AppendFrame(buf, f)
		}
		return true
	})
	if !ok {
		return nil
	}
	if loose {
		buf = w.format.AppendPosition(buf, b.latest, 0)
	}
	b.next = next
	if len(buf) > ChunkRoom {
		b.body = buf[ChunkRoom:]
		b.chunk = Chunk(buf)
	}
	return b
}

// Shared is Pull for a stream that is Live and needs nothing of its own: it
// returns what comes next from bursts that others get, too, nil if there is
// nothing. If ok is false, nothing has changed, and Pull is to be called.
//
// A burst has no frame that the stream's replay had already: while there are
// such frames, their cursors do not cover all that it has, so it is ahead.
func (s *Stream) Shared(bursts *Bursts) (b *Burst, ok bool) {
	if !s.live || s.ahead || !s.told {
		return nil, false
	}
	b = bursts.get(s.em, want{s.next, s.opts.Format, s.opts.Rank, s.opts.Since})
	switch {
	case b == nil:
		return nil, false // it is behind the ring
	case b.next == s.next:
		_, ended := s.em.Ending()
		return nil, !ended
	}
	s.next, s.latest, s.over = b.next, b.latest, b.over
	s.rows += b.rows
	s.show()
	return b, true
}
