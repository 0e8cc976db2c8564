package joblog

import (
	"cmp"
	"context"
)

// reading is a page that is being read while the one before it is sent: the
// store and the connection then work at once.
type reading struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when what follows is set
	page   Page
	err    error
	panic  any // what the reading ended with, instead; nil if it did not
}

// readAhead begins to read what a viewer lacks who has after. Close ends it,
// and not the end of ctx: a stream may leave the handler that pulled it.
func (s *Stream) readAhead(ctx context.Context, after Cursor) {
	r := &reading{done: make(chan struct{})}
	ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.coming = r
	q := s.query(after)
	go func() {
		defer close(r.done)
		defer func() { r.panic = recover() }()
		r.page, r.err = s.src.Read(ctx, q)
	}()
}

// query asks for what a viewer lacks who has after.
func (s *Stream) query(after Cursor) Query {
	return Query{Job: s.em.job, After: after, UpTo: s.target, Rank: s.opts.Rank, Since: s.opts.Since}
}

// nextPage is the page that was read ahead, if one was, or is read now.
func (s *Stream) nextPage(ctx context.Context) (Page, error) {
	r := s.coming
	if r == nil {
		return s.src.Read(ctx, s.query(s.looked.from))
	}
	select {
	case <-r.done:
	case <-ctx.Done():
		return Page{}, ctx.Err()
	}
	s.Close()
	if r.panic != nil {
		panic(r.panic) // it is this stream's, and whoever serves it knows what to do
	}
	return r.page, r.err
}

// Close ends what a Pull has begun, and waits for it.
func (s *Stream) Close() {
	if s.coming != nil {
		s.coming.cancel()
		<-s.coming.done
		s.coming = nil
	}
}

// Drop forgets what was read and not pulled, which is then read again: a
// client that is slow to take it costs no memory.
func (s *Stream) Drop() {
	s.Close()
	s.pass()
	s.trail.shrink()
	s.sheet, s.scratch, s.leg, s.short, s.looked.to = nil, nil, leg{}, idText{}, Cursor{}
	if len(s.page) > 0 {
		s.page, s.passed, s.last = nil, 0, false
	}
}

// unit is about how many bytes a Pull appends.
func (s *Stream) unit() int { return cmp.Or(s.opts.Unit, chunk) }
