package caddyjobs

import (
	"context"
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// What is kept in memory of a job must not be shown to who would not find it in
// the store. So whenever the store is asked for jobs, by who comes or by the guard,
// what it answers is compared with what is known of those that are watched.

// doubt is whether a watched job is what it was.
type doubt struct {
	w     *watched
	job   joblog.Job // as the store has it
	there bool
	marks []mark // to be looked for; none if there is nothing to lose
	later []mark // as well: they may be of another life
	log   verdict
	last  int64 // the highest id of the rows that are gone
}

// verdict is what is known of a log.
type verdict uint8

const (
	unsure  verdict = iota // nothing of it was seen, or the store does not find rows again
	unasked                // the store did not serve that
	same                   // a row that was seen is there
	gone                   // none is
)

// inquire asks the store for jobs, and lets go of what is not theirs any more. The
// guard sees to it that streams end. Questions follow one another. Its errors are
// those of jobs.
func (h *hub) inquire(number int64, asks []joblog.Ask) (map[joblog.Ask]joblog.Job, error) {
	jobs, err := h.jobs(asks)
	if err != nil {
		return nil, err
	}
	doubts := h.doubtsOf(number, asks, jobs)
	h.recognise(doubts)
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, d := range doubts {
		h.settle(number, d)
	}
	return jobs, nil
}

// doubtsOf are those of the jobs that are watched.
func (h *hub) doubtsOf(number int64, asks []joblog.Ask, jobs map[joblog.Ask]joblog.Job) map[*watched]*doubt {
	h.mu.Lock()
	defer h.mu.Unlock()
	doubts := map[*watched]*doubt{}
	for _, ask := range asks {
		job, there := jobs[ask]
		if !there {
			job.ID = ask.ID
		}
		w := h.watched[job.ID]
		if w == nil || !there && !ask.AnyOwner {
			continue // nobody watches it, or it is somebody else's
		}
		d := &doubt{w: w, job: job, there: there}
		if there && (w.differs(job) || job.Version == "" || h.shelf.has(w)) {
			d.marks, d.later = w.proof.marks(number)
		}
		doubts[w] = d
	}
	return doubts
}

// differs reports whether a job's row is not known to be the one that it was.
// The caller holds the hub's mu.
func (w *watched) differs(job joblog.Job) bool {
	return job.Owner != w.job.Owner || job.Version != w.job.Version
}

// recognise looks whether rows of the logs that are in doubt are still there, by
// one question for all of them.
func (h *hub) recognise(doubts map[*watched]*doubt) {
	var rows []joblog.Row
	for _, d := range doubts {
		for _, m := range slices.Concat(d.marks, d.later) {
			rows = append(rows, m.row)
		}
	}
	s, ok := h.store.(joblog.Finder)
	if !ok || len(rows) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(h.life, callTimeout)
	defer cancel()
	var found map[joblog.Row]joblog.Event
	err := rescued(func() (err error) {
		found, err = s.Find(ctx, rows)
		return err
	})
	if err != nil && h.life.Err() == nil {
		h.health.note(err) // the store answers: it has just told of the jobs
	}
	for _, d := range doubts {
		if len(d.marks) == 0 {
			continue
		}
		if d.log = unasked; err == nil {
			d.decide(found)
		}
	}
}

// decide tells by the rows that were found whether the log is the one that it was.
func (d *doubt) decide(found map[joblog.Row]joblog.Event) {
	holds := func(m mark) bool {
		e, there := found[m.row]
		return there && m.holds(e)
	}
	if d.log = gone; slices.ContainsFunc(d.marks, holds) {
		d.log = same
	}
	for _, m := range slices.Concat(d.marks, d.later) {
		if !holds(m) {
			d.last = max(d.last, m.row.ID)
		}
	}
}

// settle takes over what a question told of a job. If its row is another one, and
// so is its log, the job has another life. Where that is not certain, no more than
// what is kept is let go. The caller holds mu.
func (h *hub) settle(number int64, d *doubt) {
	w := d.w
	if h.watched[w.em.Job()] != w || number <= w.known {
		return
	}
	differs := w.differs(d.job)
	if !d.there || differs && d.log == gone {
		w.over.Store(true)
		h.drop(w)
		h.remember(w.em.Job(), d.last)
		return
	}
	if differs || d.log == gone {
		h.shelf.forget(w)
	}
	if w.known = number; d.job.Owner != w.job.Owner {
		w.owned = number
	}
	if d.log != unasked { // else it is looked at again
		w.job = d.job
		w.proof.seal(number, d.log == gone)
	}
}

// remember keeps, for as long as those who watched may need to come again, the
// last row of a life that is over: who has no later one is told of the gap. The
// caller holds mu.
func (h *hub) remember(job string, last int64) {
	if last == 0 {
		return
	}
	h.former[job] = last
	time.AfterFunc(memory, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if h.former[job] == last {
			delete(h.former, job)
		}
	})
}

// memory is how long a life that is over is remembered.
const memory = time.Minute
