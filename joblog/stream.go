package joblog

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"
)

// chunk is about how many bytes are sent at a time: what is worth one write to
// a connection.
const chunk = 64 << 10

// Source is where a stream gets the rows that its emitter does not have.
type Source interface {
	// Read returns one page of one job's log.
	Read(ctx context.Context, q Query) (Page, error)
	// Position is where the tail of the store stands. Rows that it covers may
	// be missing from emitters; rows that it does not cover, and that appear
	// later, will be appended to them.
	Position() Cursor
}

// Options say what of a log a viewer wants, and how.
type Options struct {
	Format Format
	// After is what the viewer has.
	After Cursor
	// Told is of the end that the viewer has shown it was told; 0 if it was told none.
	Told Mark
	// Tail is how many of the newest rows are wanted of what a viewer lacks when
	// it comes; all if it is negative. It overrides After.
	Tail int
	// Rank is the lowest rank of the rows wanted.
	Rank Rank
	// Since is the earliest time of the rows wanted, in milliseconds since 1970;
	// 0 for all. Rows without a time are before it.
	Since int64
	// Former is the last id of an earlier job of this name; 0 if there was none. All ids
	// that the stream sends for itself are above it.
	Former int64
	// Once ends the stream when the backlog was sent.
	Once bool
	// Unit is about how many bytes one Pull appends at most, besides its last row;
	// 64 KiB if it is 0.
	Unit int
}

// wants reports whether a row passes the filters.
func (o *Options) wants(rank Rank, millis int64) bool {
	return rank >= o.Rank && (o.Since == 0 || millis >= o.Since)
}

// State is what is to be done after a Pull.
type State uint8

// The states of a stream.
const (
	More    State = iota // call Pull again
	Idle                 // wait for Wake, then call Pull
	Ended                // there is nothing more, and the end was pulled
	Rewound              // the store went back in time: begin anew
)

// Stream is one viewer's loop over a job's log: it replays from the store what
// the viewer lacks, then follows the emitter, and replays again if it falls
// behind the ring. It is used by one goroutine at a time.
type Stream struct {
	src  Source
	em   *Emitter
	opts Options

	trail   trail // of what was replayed
	live    bool
	next    int64     // live: number of the next frame; else where to go live
	target  Cursor    // not live: how far to replay
	sheet   *Sheet    // not live: what is shared with others; nil if there is none
	page    []Event   // not live: read for this viewer alone and not yet pulled
	passed  int64     // not live: id up to which the store looked after page; 0 if that is its last row
	coming  *reading  // not live: the page after page, while page is sent; nil if there is none
	scratch []byte    // not live: where rows are encoded
	row     int64     // not live: the last one of page that was pulled, or passed; 0 if trail has it
	ids     ids       // of its rows
	leg     leg       // not live: of page
	short   idText    // not live: leg, for ids
	looked  leg       // not live: what page was looked through for; from is where the next one begins
	last    bool      // not live: page is the last one up to target
	latest  Cursor    // live: of the last frame passed
	ahead   bool      // live: the viewer may have rows that frames' cursors do not cover
	over    bool      // live: the last frames did not pass the filters, which no id says
	rows    int64     // rows pulled
	since   time.Time // of the first row of the last Pull; zero if it was replayed, or there was none
	told    bool      // the viewer knows that it has caught up
	knew    bool      // the viewer had all, the end included

	// For others to look at, as of the last Pull: rows, and next, -1 while the
	// stream is not live.
	seen, stands atomic.Int64
}

// NewStream makes the stream of a viewer of em's job, which must be open. It is
// to be closed.
func NewStream(src Source, em *Emitter, opts Options) *Stream {
	s := &Stream{src: src, em: em, opts: opts, ids: ids{long: longIDs}}
	s.opts.After = Cursor{} // it may take much memory, and is not needed for long
	s.replay(opts.After)
	s.show()
	return s
}

// replay makes the stream read from the store what lacks in c.
func (s *Stream) replay(c Cursor) {
	// The order of these two matters: a row that target does not cover is
	// appended to the emitter after now, so its number is next or above.
	s.next = s.em.Next()
	s.target = s.src.Position()
	s.trail, s.looked = trail{at: c, known: c.N}, leg{from: c}
	s.live, s.last, s.page, s.passed, s.row = false, false, nil, 0, 0
}

// Rows is the number of rows pulled so far.
func (s *Stream) Rows() int64 { return s.rows }

// show lets others see how far the stream has come.
func (s *Stream) show() {
	s.seen.Store(s.rows)
	if s.live {
		s.stands.Store(s.next)
	} else {
		s.stands.Store(-1)
	}
}

// Progress is how many rows were pulled, and how many the emitter has that were
// not, filtered ones included; live is false while the stream replays the log,
// when they are not counted. It may be called by anybody.
func (s *Stream) Progress() (rows, lag int64, live bool) {
	rows = s.seen.Load()
	if at := s.stands.Load(); at >= 0 {
		return rows, s.em.Next() - at, true
	}
	return rows, 0, false
}

// Since is the earliest time at which the rows of the last Pull may have become
// visible; zero if it had none, or replayed them.
func (s *Stream) Since() time.Time { return s.since }

// Emitter is the one that the stream follows.
func (s *Stream) Emitter() *Emitter { return s.em }

// Live reports whether the stream has caught up with the emitter, and has not
// fallen behind its ring since. While it is, Pull does not block.
func (s *Stream) Live() bool { return s.live }

// Wake returns a channel that is closed when there is something to pull, after
// a Pull that returned Idle.
func (s *Stream) Wake() <-chan struct{} { return s.em.Wait(s.next) }

// Pull appends what comes next to b, at least a frame and about a chunk at
// most. If it fails, b has what came before the failure and Pull may be called
// again.
func (s *Stream) Pull(ctx context.Context, b []byte) ([]byte, State, error) {
	defer s.show()
	s.since = time.Time{}
	if end, ok := s.em.Ending(); ok && end.Rewound {
		return b, Rewound, nil
	}
	if !s.live {
		return s.pullPage(ctx, b)
	}
	return s.pullRing(b)
}

// Knew reports, after a Pull that returned Ended, that the viewer had shown that
// it has all that it wants of the log, and was told this end: no row was pulled.
func (s *Stream) Knew() bool { return s.knew }

func (s *Stream) pullPage(ctx context.Context, b []byte) ([]byte, State, error) {
	if s.shares() {
		return s.pullSheet(ctx, b)
	}
	if len(s.page) == 0 && !s.last {
		if err := s.readPage(ctx); err != nil {
			return b, More, fmt.Errorf("reading the log: %w", err)
		}
	} else if p := (Page{Events: s.page, Passed: s.passed}); len(s.page) > 0 && !s.last && s.coming == nil {
		s.readAhead(ctx, s.looked.after(p.through())) // the client has taken a part of it
	}
	before := len(b)
	for len(s.page) > 0 && len(b) < before+s.unit() {
		b = s.appendRow(b, &s.page[0])
		s.page = s.page[1:]
	}
	if len(s.page) > 0 {
		return b, More, nil
	}
	s.pass()
	if s.last {
		s.arrive()
	} else if len(b) == before {
		b = s.leave(b)
	}
	return b, More, nil
}

// pass notes in the trail what of the page was pulled: a cursor for each of its
// rows would take as long as there are holes. Where the trail joins holes it
// covers less than was looked through, which would be looked through again.
func (s *Stream) pass() {
	if len(s.page) == 0 {
		s.row, s.passed = max(s.row, s.passed), 0
	}
	if s.row > 0 {
		s.trail.at, s.looked.from, s.row = s.leg.after(s.row), s.looked.after(s.row), 0
	}
}

// arrive ends the replay. What it was for, and may take much memory, is let go of.
func (s *Stream) arrive() {
	s.trail.arrive(s.target)
	s.trail.own = nil
	s.leg, s.short, s.looked, s.target = leg{}, idText{}, leg{}, Cursor{}
	s.live, s.sheet, s.page, s.scratch, s.latest, s.ahead = true, nil, nil, nil, s.trail.at, true
}

func (s *Stream) appendRow(b []byte, e *Event) []byte {
	s.row = e.ID
	if !s.opts.wants(rankOf(e.Severity), e.Millis()) {
		return b
	}
	id := s.scratch[:0]
	if s.opts.Format == SSE {
		id = s.ids.append(id, e.Size(), func(b []byte) []byte { return s.short.append(b, e.ID) })
	}
	f := newFrame(id, e, Cursor{}) // nobody shares it
	s.scratch = f.sse
	s.rows++
	return s.opts.Format.AppendFrame(b, &f)
}

// readPage reads the next page, of rows that target covers.
func (s *Stream) readPage(ctx context.Context) error {
	if s.opts.Tail >= 0 {
		start, err := s.seek(ctx)
		if err != nil {
			return err
		}
		s.trail, s.looked.from = trail{at: start, known: start.N}, start
		s.opts.Tail = -1
	}
	page, err := s.nextPage(ctx)
	if err != nil {
		return err
	}
	s.page, s.passed, s.last = page.Events, page.Passed, !page.More
	s.leg, s.looked.to = s.trail.reach(s.target, page.ids()), s.looked.from.Union(s.target)
	s.short = newIDText(s.leg.short(0)) // they are made one at a time
	return nil
}

func (s *Stream) pullRing(b []byte) ([]byte, State, error) {
	limit := len(b) + s.unit()
	next, ok := s.em.Range(s.next, func(f *Frame) bool {
		if len(b) >= limit {
			return false
		}
		b = s.appendFrame(b, f)
		return true
	})
	if !ok {
		s.replay(s.trail.at.Union(s.latest))
		return b, More, nil
	}
	s.next = next
	if len(b) >= limit {
		return b, More, nil
	}
	return s.rest(b)
}

func (s *Stream) appendFrame(b []byte, f *Frame) []byte {
	if s.trail.at.Covers(f.ID) {
		return b // the replay had it
	}
	c := f.Cursor
	if s.ahead { // another node may have noticed rows before this one: who came from there has them
		c = s.have().Union(c)
		s.ahead = !c.equal(f.Cursor)
	}
	s.latest = c
	if s.over = !s.opts.wants(f.Rank, f.Millis); s.over {
		return b
	}
	if s.since.IsZero() {
		s.since = s.em.born.Add(f.since)
	}
	s.rows++
	switch {
	case !s.ahead:
		s.ids.note(f)
	case s.opts.Format == SSE:
		f = f.at(s.ids.append(nil, len(f.sse), func(b []byte) []byte { return appendID(b, c, 0) }))
	}
	return s.opts.Format.AppendFrame(b, f)
}

// rest appends what follows the newest frame: the end, or that the viewer has
// caught up.
func (s *Stream) rest(b []byte) ([]byte, State, error) {
	if end, ok := s.em.Ending(); ok && !end.Rewound {
		if s.next < s.em.Next() {
			return b, More, nil // appended since the ring was looked at
		}
		if s.knows(end.State) {
			return b, Ended, nil
		}
		return s.opts.Format.AppendEnd(b, end.State, s.position(s.have().Union(end.Cursor))), Ended, nil
	}
	if state, awaited := s.em.Awaits(); awaited && !s.told { // the backlog is not over before the end
		if s.next < s.em.Next() {
			return b, More, nil
		}
		if s.knows(state) {
			return b, Ended, nil
		}
		return s.settle(b), Idle, nil
	}
	if s.opts.Once {
		return s.settle(b), Ended, nil
	}
	if !s.told {
		s.told, s.ids.owed = true, 0
		c := s.position(s.have())
		b = s.opts.Format.AppendNotice(b, CaughtUp, "", &c)
	}
	return s.settle(b), Idle, nil
}

// knows reports whether the viewer has shown that it has all, this end included.
func (s *Stream) knows(end string) bool {
	s.knew = s.rows == 0 && !s.told && s.opts.Told == MarkOf(end)
	return s.knew
}

// have is what the viewer has.
func (s *Stream) have() Cursor { return s.trail.at.Union(s.latest) }

// position is an id that says what c covers.
func (s *Stream) position(c Cursor) Cursor { return c.above(s.opts.Former) }
