package joblog

// shortID is the length of an id's line, in bytes, up to which every row has one.
const shortID = 128

// ids are those of rows that are sent one after the other. Each says all that its
// viewer then has, and so may be much longer than a row, beside many holes. Such a
// one comes once twice as many bytes of rows have come. A row without one is safe, as the client keeps the id before it: if it is
// cut, the rows since then come again.
type ids struct {
	length int // of the last one made
	owed   int // bytes of rows since the last one sent
}

// append appends the id of the next row, of which the size is known, if it is to
// have one.
func (d *ids) append(b []byte, size int, cursor func() Cursor) []byte {
	d.owed += size
	if d.tooLong() {
		return b // this one would hardly be shorter
	}
	start := len(b)
	b = appendID(b, cursor(), 0)
	if d.length = len(b) - start; d.tooLong() {
		return b[:start]
	}
	d.owed = 0
	return b
}

func (d *ids) tooLong() bool { return d.length > max(shortID, d.owed/2) }

// note takes notice of a frame that was made for others, too.
func (d *ids) note(f *Frame) {
	if d.owed += len(f.sse); f.named() {
		d.owed = 0
	}
}

// settle appends what a viewer has, if rows came of which no id says so.
func (s *Stream) settle(b []byte) []byte {
	if s.ids.owed > 0 {
		s.ids.owed = 0
		return s.opts.Format.AppendPosition(b, s.have(), 0)
	}
	return b
}

// Remind appends what the viewer has, if rows have come since its last id that did
// not pass its filters: it may be silent for long, and then be cut.
func (s *Stream) Remind(b []byte) []byte {
	if !s.live || !s.over {
		return b
	}
	s.over = false
	return s.opts.Format.AppendPosition(b, s.have(), 0)
}

// leave appends what a viewer has who was read a part of the log for in which
// nothing was for it, so that it does not begin there again.
func (s *Stream) leave(b []byte) []byte {
	if len(s.looked.from.Holes) > 1 {
		return b // it may be long
	}
	var told Mark
	if s.rows == 0 {
		told = s.opts.Told // nothing has come after that end
	}
	return s.opts.Format.AppendPosition(b, s.looked.from, told)
}
