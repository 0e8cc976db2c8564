package joblog

import (
	"slices"
	"sort"
)

// Sheet is a part of a log, encoded once for all who replay it: the job's rows
// with ids above After, up to Through. The log is settled there: every row that
// will ever be visible is, and so each row's cursor is its id. A Sheet does not
// change.
type Sheet struct {
	After, Through int64
	// More is true if there may be rows above Through already.
	More bool

	sse  []byte // the rows' frames
	rows []line
}

// line is a row of a sheet.
type line struct {
	id, millis int64
	end        int // of its frame
	rank       Rank
}

// NewSheet encodes a page that was asked for after one id, and up to another.
func NewSheet(after, upTo int64, p Page) *Sheet {
	s := &Sheet{After: after, Through: after}
	s.add(upTo, p)
	return s
}

// Extended is the sheet with the page that follows it.
func (s *Sheet) Extended(upTo int64, p Page) *Sheet {
	if len(p.Events) == 0 {
		longer := *s
		longer.reach(upTo, p)
		return &longer
	}
	longer := &Sheet{After: s.After, sse: slices.Clone(s.sse), rows: slices.Clone(s.rows)}
	longer.add(upTo, p)
	return longer
}

func (s *Sheet) add(upTo int64, p Page) {
	const around = 160 // names, numbers and punctuation
	size := 0
	for i := range p.Events {
		size += around + len(p.Events[i].Job) + len(p.Events[i].Message) + len(p.Events[i].Message)/16
	}
	s.sse, s.rows = slices.Grow(s.sse, size), slices.Grow(s.rows, len(p.Events))
	for i := range p.Events {
		e := &p.Events[i]
		f := newFrame(appendID(s.sse[len(s.sse):], Cursor{N: e.ID}, 0), e, Cursor{N: e.ID})
		s.sse = append(s.sse, f.sse...) // which is where it is already, if there was room
		s.rows = append(s.rows, line{e.ID, f.Millis, len(s.sse), f.Rank})
	}
	s.reach(upTo, p)
}

// reach notes how far a page goes.
func (s *Sheet) reach(upTo int64, p Page) {
	if s.Through, s.More = upTo, p.More; p.More {
		s.Through = max(p.through(), s.After)
	}
}

// Full reports whether what follows is worth a sheet of its own.
func (s *Sheet) Full() bool { return len(s.rows) >= PageRows/2 || len(s.sse) >= PageBytes/2 }

// Size is how much memory the sheet takes, in bytes.
func (s *Sheet) Size() int { return cap(s.sse) + 32*cap(s.rows) + 128 }

// find is the index of the first row above an id.
func (s *Sheet) find(id int64) int {
	return sort.Search(len(s.rows), func(i int) bool { return s.rows[i].id > id })
}

// frames is the frames of the rows from one index up to another.
func (s *Sheet) frames(from, to int) []byte {
	start := 0
	if from > 0 {
		start = s.rows[from-1].end
	}
	if to == from {
		return nil
	}
	return s.sse[start:s.rows[to-1].end]
}

// frame is one row's frame.
func (s *Sheet) frame(i int) Frame {
	const around = len("id: \ndata: ")
	r := &s.rows[i]
	digits := 1
	for n := r.id; n > 9; n /= 10 {
		digits++
	}
	return Frame{ID: r.id, Rank: r.rank, Millis: r.millis, Cursor: Cursor{N: r.id}, sse: s.frames(i, i+1), json: around + digits}
}
