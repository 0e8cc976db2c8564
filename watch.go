package caddyjobs

import (
	"context"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// watched is a job that somebody watches, or whose end is still fresh.
type watched struct {
	em      *joblog.Emitter
	viewers int
	ended   bool
	linger  *time.Timer // nil until the end
	opened  bool        // the poller's, as is what follows
	asking  asking

	concluding *conclusion // nil unless its job was seen to have ended, and that is not told
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
// Its errors are those of judge.
func (h *hub) attach(ctx context.Context, job joblog.Job) (*watched, error) {
	h.begin.Do(func() {
		h.keep((&poller{hub: h}).run)
		h.keep(h.guard)
	})
	w, p := h.enter(job)
	h.poke()
	var err error
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

func (h *hub) enter(job joblog.Job) (*watched, *pass) {
	h.mu.Lock()
	defer h.mu.Unlock()
	w := h.watched[job.ID]
	if w != nil && w.ended && !endedAs(w.em, job) {
		w.linger.Stop() // the job was started again
		h.shelf.forget(job.ID)
		w = nil
	}
	if w == nil {
		w = &watched{em: joblog.NewEmitter(job.ID)}
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
	return w, h.waiting
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
	w.viewers--
	if w.viewers == 0 && !w.ended && h.watched[w.em.Job()] == w {
		delete(h.watched, w.em.Job())
		h.shelf.forget(w.em.Job())
		h.live--
		h.change()
		h.poke() // if it was the last job, the poller has something to end
	}
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
	if h.watched[w.em.Job()] == w {
		delete(h.watched, w.em.Job())
		h.shelf.forget(w.em.Job())
		h.change()
		h.poke()
	}
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
	if w.ended {
		w.linger.Stop()
	} else {
		h.live--
	}
	w.em.Rewind()
	delete(h.watched, w.em.Job())
	h.shelf.forget(w.em.Job())
	h.change()
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
