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
	ask func(ids []string) (map[string]joblog.Job, error)
	run func(func()) // starts a goroutine

	mu   sync.Mutex
	next *question
	busy bool
}

type question struct {
	ids  map[string]struct{}
	done chan struct{} // closed once the answer is there
	jobs map[string]joblog.Job
	err  error
}

// job looks up one job; ok is false if there is none. Its errors are those of
// ask, and ctx's.
func (l *lookup) job(ctx context.Context, id string) (job joblog.Job, ok bool, err error) {
	q := l.join(id)
	select {
	case <-q.done:
		job, ok = q.jobs[id]
		return job, ok, q.err
	case <-ctx.Done():
		return job, false, ctx.Err()
	}
}

// join adds an id to the next question.
func (l *lookup) join(id string) *question {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.next == nil {
		l.next = &question{ids: map[string]struct{}{}, done: make(chan struct{})}
	}
	l.next.ids[id] = struct{}{}
	if !l.busy {
		l.busy = true
		l.run(l.answer)
	}
	return l.next
}

// answer asks until there are no questions.
func (l *lookup) answer() {
	for q := l.take(); q != nil; q = l.take() {
		q.jobs, q.err = l.ask(slices.Collect(maps.Keys(q.ids)))
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
