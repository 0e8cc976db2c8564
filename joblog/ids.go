package joblog

const (
	// shortID is the length of an id's line, in bytes, up to which every row has one.
	shortID = 128
	// longIDs is how many bytes of longer ones a stream has for its own rows: those
	// that it replays, or whose id says what only its viewer has. A client chooses how
	// long they are.
	longIDs = 8 << 20
)

// ids are those of rows that are sent one after the other. Each says all that its
// viewer then has, and so may be much longer than a row, beside many holes. Once
// the long ones have used up what they may, one comes after twice as many bytes of
// rows. A row without an id is safe, as the client keeps the id before it: if it is
// cut, the rows since then come again.
type ids struct {
	length int // of the last one made
	owed   int // bytes of rows since the last one sent
	long   int // bytes that long ones may yet take
}

// append appends the id of the next row, of which the size is known, if it is to
// have one.
func (d *ids) append(b []byte, size int, id func([]byte) []byte) []byte {
	d.owed += size
	if d.tooLong() {
		return b // this one would hardly be shorter
	}
	start := len(b)
	b = id(b)
	if d.length = len(b) - start; d.tooLong() {
		return b[:start]
	}
	if d.owed = 0; d.length > shortID {
		d.long -= min(d.length, d.long)
	}
	return b
}

func (d *ids) tooLong() bool { return d.length > max(shortID, d.long, d.owed/2) }

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
		return s.opts.Format.AppendPosition(b, s.position(s.have()), 0)
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
	return s.opts.Format.AppendPosition(b, s.position(s.have()), 0)
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
	return s.opts.Format.AppendPosition(b, s.position(s.looked.from), told)
}
