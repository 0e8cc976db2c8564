package postgres

import (
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// endWait is how long the end of a job waits for transactions of its time.
const endWait = 5 * time.Second

// end is a terminal state that waits until no row can come that was written
// before it: its sight is over, and a later read has looked for all that its
// writers may have left. It has no grace, which is for ids that nobody is known
// to hold: what is not there when all known writers are gone is as good as lost.
type end struct {
	*sight
	since time.Time
}

// ends are the ends that wait, by job.
type ends map[string]*end

// asked are the jobs whose states a tick asks for: of those that wait as well.
func (e ends) asked(w joblog.Watch) []string {
	ask := w.Ask
	for job := range e {
		if _, ok := w.Jobs[job]; ok {
			ask = append(ask[:len(ask):len(ask)], job)
		}
	}
	return ask
}

// check returns the jobs whose ends a tick has reached, and those whose ends
// wait. Of a job that goes on, or that nobody watches any more, it forgets the end.
func (t *tail) check(f *found) (ended, ending map[string]string) {
	ended, ending = map[string]string{}, map[string]string{}
	for job, e := range t.ends {
		if _, ok := f.states[job]; !ok {
			delete(t.ends, job)
		} else if e.over && !t.owing() || time.Since(e.since) >= endWait {
			ended[job] = f.states[job]
			delete(t.ends, job)
		}
	}
	for job, state := range f.states {
		if _, ok := ended[job]; ok {
			continue
		}
		ending[job] = state
		if t.ends[job] == nil {
			t.ends[job] = &end{see(f.locks, grace{}, t.ticks), time.Now()}
		}
	}
	return ended, ending
}

// owing reports whether something may have become of a hole that this tick has
// not looked for.
func (t *tail) owing() bool {
	return slices.ContainsFunc(t.holes, func(h hole) bool { return h.pressing() && h.looked < t.ticks })
}

// ending reports whether the next tick may reach an end.
func (t *tail) ending() bool {
	for _, e := range t.ends {
		if e.over {
			return true
		}
	}
	return false
}
