package caddyjobs

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// watched is one life of a job that somebody watches, or whose end is still
// fresh. All that is kept in memory of a job belongs to one life: a job that was
// deleted and made again has another one.
type watched struct {
	hub   *hub
	em    *joblog.Emitter
	proof proof       // by which its log is known
	over  atomic.Bool // the job is gone, or has another life

	viewers int // the hub's mu guards this and what follows
	ended   bool
	linger  *time.Timer // nil until the end
	spent   bool        // it has lingered for long enough
	job     joblog.Job  // as it was known last
	known   int64       // the number of the question that told
	owned   int64       // the question since which it has its owner, or before
	former  int64       // the last row of the life before; 0 if none is known
	opened  bool        // the poller's, as is what follows
	asking  asking

	concluding *conclusion // nil unless its job was seen to have ended, and that is not told
}

// Position is the hub's.
func (w *watched) Position() joblog.Cursor { return w.hub.Position() }

// Read is read for nobody in particular.
func (w *watched) Read(ctx context.Context, q joblog.Query) (joblog.Page, error) {
	return w.read(ctx, netip.Prefix{}, q)
}

// read reads a page from the store for a client of a network. Its errors are those of
// the hub's read.
func (w *watched) read(ctx context.Context, from netip.Prefix, q joblog.Query) (joblog.Page, error) {
	page, err := w.hub.read(ctx, from, q)
	w.proof.note(page.Events, w.hub.lookup.asked.Load())
	return page, err
}

// asker is a life of a job for a client of a network: it is the joblog.Source of its
// stream.
type asker struct {
	*watched
	from netip.Prefix
}

// Read is read.
func (a asker) Read(ctx context.Context, q joblog.Query) (joblog.Page, error) {
	return a.read(ctx, a.from, q)
}

// Sheet returns rows of the job, shared by all viewers that replay it. Its errors are
// those of read.
func (a asker) Sheet(ctx context.Context, _ string, after, upTo int64) (*joblog.Sheet, error) {
	return a.hub.shelf.get(ctx, a.watched, part{after, upTo, a.from})
}

// pass is one successful tick, or a failed one, for those who wait for a tick
// that begins after they came.
type pass struct {
	done chan struct{} // closed once err is set
	err  error
}

// attach makes the caller a viewer of a job. When it returns, the hub's
// position covers all that was visible when it was called, and what is not
// covered will be appended to the emitter. The caller must detach.
//
// It may return errOutdated, and its other errors are those of judge.
func (h *hub) attach(ctx context.Context, job finding) (*watched, error) {
	h.begin.Do(func() {
		h.keep((&poller{hub: h}).run)
		h.keep(h.guard)
	})
	w, p, err := h.enter(job)
	if err != nil {
		return nil, err
	}
	h.poke()
	select {
	case <-p.done:
		err = p.err
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		h.detach(w)
		return nil, err
	}
	return w, nil
}

// errOutdated means that a job may have another owner or another life since it was
// found, and is to be looked up again.
var errOutdated = errors.New("the job has changed since it was looked up")

func (h *hub) enter(job finding) (*watched, *pass, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.watched[job.ID]
	if w != nil && !w.suits(job) {
		return nil, nil, errOutdated
	}
	if w != nil && w.ended && !endedAs(w.em, job.Job) {
		h.drop(w) // the job was started again
		w = nil
	}
	if w == nil {
		w = &watched{hub: h, em: joblog.NewEmitter(job.ID), job: job.Job, known: job.number, owned: job.number, former: h.former[job.ID]}
		h.watched[job.ID] = w
		h.live++
		h.change()
	}
	w.viewers++
	if job.Terminal && !w.ended {
		h.ask = append(h.ask, job.ID) // its viewer is to be told at once
	}
	if h.waiting == nil {
		h.waiting = &pass{done: make(chan struct{})}
	}
	return w, h.waiting, nil
}

// suits reports whether a life is that of a job that was found: what is known of
// it is as new, or has not changed since. The caller holds mu.
func (w *watched) suits(job finding) bool {
	if job.number <= w.known {
		return job.number >= w.owned
	}
	return job.Owner == w.job.Owner && job.Version == w.job.Version
}

// endedAs reports whether an emitter's end is that of the job as it now is.
func endedAs(em *joblog.Emitter, job joblog.Job) bool {
	end, _ := em.Ending()
	return job.Terminal && job.State == end.State
}

// detach takes a viewer away. The last one takes the emitter along, unless the
// job has ended: then it stays for the linger.
func (h *hub) detach(w *watched) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if w.viewers--; w.viewers > 0 {
		return
	}
	if h.watched[w.em.Job()] != w {
		h.shelf.forget(w) // it was dropped while it had viewers
	} else if !w.ended || w.spent {
		h.drop(w)
	}
}

// drop lets go of a job: its next viewer finds nothing in memory. Those that it
// has go on. The caller holds mu.
func (h *hub) drop(w *watched) {
	if w.ended {
		w.linger.Stop()
	} else {
		h.live--
	}
	delete(h.watched, w.em.Job())
	h.shelf.forget(w)
	h.change()
	h.poke() // if it was the last job, the poller has something to end
}

// complete ends a job's emitter.
func (h *hub) complete(w *watched, state string, pos joblog.Cursor) {
	w.em.Complete(state, pos)
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watched[w.em.Job()] != w {
		return // its viewers left meanwhile
	}
	w.ended = true
	h.live--
	h.change()
	w.linger = time.AfterFunc(h.tunables.Load().linger, func() { h.forget(w) })
}

func (h *hub) forget(w *watched) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watched[w.em.Job()] == w && w.viewers == 0 {
		h.drop(w)
	}
	w.spent = true // else those who still read it go on, and are looked after
}

// rewind ends all emitters: the store went back in time.
func (h *hub) rewind() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.watched {
		h.anew(w)
	}
}

// restart has a job's viewers begin anew.
func (h *hub) restart(w *watched) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.watched[w.em.Job()] == w {
		h.anew(w)
	}
}

// anew ends an emitter whose viewers are to begin anew. The caller holds mu.
func (h *hub) anew(w *watched) {
	w.em.Rewind()
	h.drop(w)
}

// demand is what the poller is needed for: to follow jobs, and to let new
// viewers in. none is true if there is not even an emitter left.
func (h *hub) demand() (live, waiting, none bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.live > 0, h.waiting != nil, len(h.watched) == 0
}

// change tells that the jobs that are watched have changed. The caller holds mu.
func (h *hub) change() {
	h.changed = true
	if h.others != nil {
		close(h.others)
		h.others = nil
	}
}

// watching is a joblog.Watching.
func (h *hub) watching() (jobs []string, changed <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for job, w := range h.watched {
		if !w.ended {
			jobs = append(jobs, job)
		}
	}
	if h.others == nil {
		h.others = make(chan struct{})
	}
	return jobs, h.others
}
