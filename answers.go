package caddyjobs

import (
	"context"
	"errors"
	"sync"
	"time"
)

// fresh is how long an answer is good for others who ask the same.
const fresh = time.Second

// answers asks each question once, for all who have it at the time and for a
// little while after: what a thousand visitors ask again and again is asked once
// a second.
type answers[Q comparable, A any] struct {
	ask   func(Q) (A, error)
	run   func(func()) // starts a goroutine
	bound int          // on the questions there may be at once

	mu   sync.Mutex
	kept map[Q]*answer[A]
}

type answer[A any] struct {
	done chan struct{} // closed once it is there
	is   A
	err  error
}

var errCrowded = errors.New("too many different questions at once")

// get returns an answer that others may hold, too. Its errors are those of ask,
// ctx's, and errCrowded.
func (s *answers[Q, A]) get(ctx context.Context, q Q) (is A, err error) {
	one := s.join(q)
	if one == nil {
		return is, errCrowded
	}
	select {
	case <-one.done:
		return one.is, one.err
	case <-ctx.Done():
		return is, ctx.Err()
	}
}

// join is the answer to a question, which is asked if it is not there.
func (s *answers[Q, A]) join(q Q) *answer[A] {
	s.mu.Lock()
	defer s.mu.Unlock()
	if one := s.kept[q]; one != nil {
		return one
	}
	if len(s.kept) >= s.bound {
		return nil
	}
	if s.kept == nil {
		s.kept = map[Q]*answer[A]{}
	}
	one := &answer[A]{done: make(chan struct{})}
	s.kept[q] = one
	s.run(func() {
		one.err = rescued(func() (err error) {
			one.is, err = s.ask(q)
			return err
		})
		close(one.done)
		time.AfterFunc(fresh, func() { s.forget(q, one) })
	})
	return one
}

// forget drops an answer, unless it was dropped before.
func (s *answers[Q, A]) forget(q Q, one *answer[A]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.kept[q] == one {
		delete(s.kept, q)
	}
}

// clear drops all answers. Those that are on their way are for who waits for them.
func (s *answers[Q, A]) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.kept)
}
