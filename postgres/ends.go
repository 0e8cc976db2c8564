package postgres

import (
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// endWait is how long the end of a job waits for transactions of its time.
const endWait = 5 * time.Second

// end is a terminal state that waits until no row can come that was written
// before it: its sight is over, and a later read left no hole up to n.
type end struct {
	*sight
	n     int64
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

// check returns the jobs whose ends a tick has reached. Of a job that goes on,
// or that nobody watches any more, it forgets the end.
func (t *tail) check(l *layout, f *found) map[string]string {
	ended := map[string]string{}
	for job, e := range t.ends {
		if _, ok := f.states[job]; !ok {
			delete(t.ends, job)
		} else if e.over && !t.open(e.n) || time.Since(e.since) >= endWait {
			ended[job] = f.states[job]
			delete(t.ends, job)
		}
	}
	for job := range f.states {
		if _, ok := ended[job]; ok {
			continue
		}
		if t.ends[job] == nil {
			t.ends[job] = &end{see(f.locks, l.settle, t.ticks), t.n, time.Now()}
		}
	}
	return ended
}

// open reports whether there are holes up to n.
func (t *tail) open(n int64) bool { return len(t.holes) > 0 && t.holes[0].Lo <= n }

// ending reports whether the next tick may reach an end.
func (t *tail) ending() bool {
	for _, e := range t.ends {
		if e.over && !t.open(e.n) {
			return true
		}
	}
	return false
}
