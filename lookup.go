package caddyjobs

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// lookup looks up jobs. While one question is on its way to the store, all
// others are gathered into the next one: a thousand viewers who come at once
// are two questions.
type lookup struct {
	ask func([]joblog.Ask) (map[joblog.Ask]joblog.Job, error)
	run func(func()) // starts a goroutine

	mu   sync.Mutex
	next *question
	busy bool
}

type question struct {
	asks map[joblog.Ask]struct{}
	done chan struct{} // closed once the answer is there
	jobs map[joblog.Ask]joblog.Job
	err  error
}

// job looks up one job; ok is false if there is none that is the owner's. Its
// errors are those of ask, and ctx's.
func (l *lookup) job(ctx context.Context, ask joblog.Ask) (job joblog.Job, ok bool, err error) {
	q := l.join(ask)
	select {
	case <-q.done:
		job, ok = q.jobs[ask]
		return job, ok, q.err
	case <-ctx.Done():
		return job, false, ctx.Err()
	}
}

// join adds to the next question.
func (l *lookup) join(ask joblog.Ask) *question {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.next = &question{asks: map[joblog.Ask]struct{}{}, done: make(chan struct{})}
	}
	l.next.asks[ask] = struct{}{}
	if !l.busy {
		l.busy = true
		l.run(l.answer)
	}
	return l.next
}

// answer asks until there are no questions.
func (l *lookup) answer() {
	for q := l.take(); q != nil; q = l.take() {
		q.err = rescued(func() (err error) {
			q.jobs, err = l.ask(slices.Collect(maps.Keys(q.asks)))
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
