package caddyjobs

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// lookup looks up jobs. While one question is on its way to the store, all
// others are gathered into the next one: a thousand viewers who come at once
// are two questions. As one follows the other, what a later one is answered is
// newer.
type lookup struct {
	ask   func(number int64, asks []joblog.Ask) (map[joblog.Ask]joblog.Job, error)
	run   func(func()) // starts a goroutine
	asked atomic.Int64 // the number of the last question that was put, from 1

	mu   sync.Mutex
	next *question
	busy bool
}

type question struct {
	asks   map[joblog.Ask]struct{}
	done   chan struct{} // closed once the answer is there
	number int64
	jobs   map[joblog.Ask]joblog.Job
	err    error
}

// finding is a job as it was at a question.
type finding struct {
	joblog.Job
	number int64
}

// job looks up one job; ok is false if there is none that is the owner's. Its
// errors are those of ask, and ctx's.
func (l *lookup) job(ctx context.Context, ask joblog.Ask) (job finding, ok bool, err error) {
	q := l.join(ask)
	select {
	case <-q.done:
		job.number = q.number
		job.Job, ok = q.jobs[ask]
		return job, ok, q.err
	case <-ctx.Done():
		return job, false, ctx.Err()
	}
}

// all looks up jobs. Its errors are those of job.
func (l *lookup) all(ctx context.Context, asks []joblog.Ask) (map[joblog.Ask]joblog.Job, error) {
	q := l.join(asks...)
	select {
	case <-q.done:
		return q.jobs, q.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// join adds to the next question.
func (l *lookup) join(asks ...joblog.Ask) *question {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.next = &question{asks: map[joblog.Ask]struct{}{}, done: make(chan struct{})}
	}
	for _, ask := range asks {
		l.next.asks[ask] = struct{}{}
	}
	if !l.busy {
		l.busy = true
		l.run(l.answer)
	}
	return l.next
}

// answer asks until there are no questions.
func (l *lookup) answer() {
	for q := l.take(); q != nil; q = l.take() {
		q.number = l.asked.Add(1)
		q.err = rescued(func() (err error) {
			q.jobs, err = l.ask(q.number, slices.Collect(maps.Keys(q.asks)))
			return err
		})
		close(q.done)
	}
}

func (l *lookup) take() *question {
	l.mu.Lock()
	defer l.mu.Unlock()
	q := l.next
	l.next = nil
	l.busy = q != nil
	return q
}
