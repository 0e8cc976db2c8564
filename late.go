package caddyjobs

import (
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// conclusion is a terminal state that was seen and is not told yet: rows may be
// committed after it, by another process than sets it.
type conclusion struct {
	job   *watched
	state string
	seen  time.Time
	due   bool // it is asked for once more
}

// conclusions are by when they were seen, each of a job of its own.
type conclusions []*conclusion

// next is when the first of them is due that is not yet; ok is false if none is.
func (c conclusions) next(after time.Duration) (at time.Time, ok bool) {
	for _, one := range c {
		if !one.due {
			return one.seen.Add(after), true
		}
	}
	return at, false
}

// confirm asks for the jobs whose ends are due in the tick that begins now.
func (a *asks) confirm(now time.Time, after time.Duration) {
	for _, one := range a.ends {
		if !one.due && !now.Before(one.seen.Add(after)) {
			one.due = true
			a.add(one.job)
		}
	}
}

// await has the end of a job be waited for from now on.
func (a *asks) await(w *watched, state string) {
	w.em.Await(state)
	w.concluding = &conclusion{job: w, state: state, seen: time.Now()}
	a.ends = append(a.ends, w.concluding)
}

// concludes reports whether this end of a job is waited for.
func (w *watched) concludes(state string) bool {
	return w.concluding != nil && w.concluding.state == state
}

// conclude takes what a tick found of the states that it asked for.
func (p *poller) conclude(asked []string, tick *joblog.Tick) {
	for job, state := range tick.Ending {
		if w := p.jobs[job]; w != nil && !w.concludes(state) {
			p.asks.await(w, state)
		}
	}
	for job, state := range tick.Ended {
		p.end(p.jobs[job], state, tick.Position)
	}
	if len(p.asks.ends) == 0 || tick.More || tick.Ended == nil {
		return // nothing to take back, or states were not looked at
	}
	for _, job := range asked {
		_, ended := tick.Ended[job]
		if _, ends := tick.Ending[job]; !ends && !ended {
			p.resume(p.jobs[job])
		}
	}
	p.asks.ends = slices.DeleteFunc(p.asks.ends, func(one *conclusion) bool {
		return one.job.concluding != one || p.jobs[one.job.em.Job()] != one.job
	})
}

// end takes a terminal state that the tick has found, and all rows that were
// visible with it: it is told if it was seen long enough before the tick began.
func (p *poller) end(w *watched, state string, pos joblog.Cursor) {
	after := p.hub.tunables.Load().after
	told := after <= 0
	if w.concludes(state) {
		told = !p.started.Before(w.concluding.seen.Add(after))
	} else if !told {
		p.asks.await(w, state)
	}
	if told {
		w.concluding = nil
		p.hub.complete(w, state, pos)
	}
}

// resume goes on with a job that was seen to have ended, and has not.
func (p *poller) resume(w *watched) {
	if w != nil && w.concluding != nil {
		w.concluding = nil
		w.em.Resume()
	}
}
