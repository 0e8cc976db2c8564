package joblog

import (
	"context"
	"fmt"
)

// Sharer is a Source that reads once for all who replay the same.
type Sharer interface {
	// Sheet returns rows of a job above an id, of which it has all up to upTo or
	// to where the sheet ends. The sheet may begin lower, and go on further. The
	// log must be settled up to upTo.
	Sheet(ctx context.Context, job string, after, upTo int64) (*Sheet, error)
}

// settled is up to where the log that is replayed is settled for all.
func (s *Stream) settled() int64 {
	if len(s.target.Holes) > 0 {
		return s.target.Holes[0].Lo - 1
	}
	return s.target.N
}

// shares reports whether what comes next is read together with others: it is
// settled, and the viewer lacks all of it. Who wants but few of the rows reads
// them alone: the store leaves out the others.
func (s *Stream) shares() bool {
	_, able := s.src.(Sharer)
	return able && s.opts.Tail < 0 && s.opts.Rank <= RankInfo && len(s.page) == 0 && !s.last && len(s.looked.from.Holes) == 0 && s.looked.from.N < s.settled()
}

// pullSheet appends rows of the sheet that the viewer is in.
func (s *Stream) pullSheet(ctx context.Context, b []byte) ([]byte, State, error) {
	at, upTo := s.looked.from.N, s.settled()
	if s.sheet == nil || at >= s.sheet.Through {
		s.Close() // a page that is read ahead is in the sheet, too
		sheet, err := s.src.(Sharer).Sheet(ctx, s.em.job, at, upTo)
		if err != nil {
			return b, More, fmt.Errorf("reading the log: %w", err)
		}
		s.sheet = sheet
	}
	from, limit := s.sheet.find(at), s.sheet.find(upTo)
	to := from
	for size := 0; to < limit && size < s.unit(); to++ {
		size += len(s.sheet.frames(to, to+1))
	}
	before := len(b)
	b = s.appendLines(b, from, to)
	if to < limit {
		at = s.sheet.rows[to-1].id
	} else {
		at = min(s.sheet.Through, upTo)
	}
	// Whatever is below is delivered and not remembered, so nothing is merged there.
	s.trail, s.looked.from = trail{at: Cursor{N: at}, known: at}, Cursor{N: at}
	if at == s.target.N {
		s.last = true
	} else if len(b) == before && at == s.sheet.Through {
		b = s.leave(b)
	}
	return b, More, nil
}

// appendLines appends rows of the sheet.
func (s *Stream) appendLines(b []byte, from, to int) []byte {
	if from == to {
		return b
	}
	if s.opts.Format == SSE && s.opts.Rank == 0 && s.opts.Since == 0 {
		s.rows += int64(to - from)
		return append(b, s.sheet.frames(from, to)...)
	}
	for i := from; i < to; i++ {
		if r := &s.sheet.rows[i]; s.opts.wants(r.rank, r.millis) {
			f := s.sheet.frame(i)
			s.rows++
			b = s.opts.Format.AppendFrame(b, &f)
		}
	}
	return b
}
