package caddyjobs

import (
	"maps"
	"slices"
	"time"
)

// asks decides which jobs' states a tick asks for: once per interval all,
// sooner those that had rows, which their end often follows, and those of which
// something was heard at once.
type asks struct {
	next    []*watched     // those that the next tick asks for, each once
	all     time.Time      // when all were asked for
	busy    []*watched     // those that had rows since the last round, each once
	rounds  [32][]*watched // those to ask for in the rounds to come
	round   int
	rounded time.Time   // when the last round began
	ends    conclusions // those that are not told yet
}

// echoes are the rounds after it had rows in which a job is asked for. To ask in
// every one, for all that had rows lately, would cost more than their rows.
var echoes = [...]int{0, 1, 3, 15}

// asking is what asks knows of a job.
type asking struct{ next, busy bool }

// add asks for a job in the next tick.
func (a *asks) add(w *watched) {
	if !w.asking.next {
		w.asking.next = true
		a.next = append(a.next, w)
	}
}

// rows says that a job had rows.
func (a *asks) rows(w *watched) {
	if !w.asking.busy {
		w.asking.busy = true
		a.busy = append(a.busy, w)
	}
}

// due are those of the live jobs that a tick asks for, and whether these are all.
func (a *asks) due(now time.Time, interval time.Duration, live map[string]*watched) (jobs []string, all bool) {
	if now.Sub(a.rounded) >= soonest {
		a.rounded = now
		a.turn()
	}
	if now.Sub(a.all) >= interval {
		return slices.Collect(maps.Keys(live)), true
	}
	jobs = make([]string, 0, len(a.next))
	for _, w := range a.next {
		if live[w.em.Job()] == w {
			jobs = append(jobs, w.em.Job())
		}
	}
	return jobs, false
}

// turn begins a round.
func (a *asks) turn() {
	a.round++
	for _, later := range echoes {
		at := &a.rounds[(a.round+later)%len(a.rounds)]
		*at = append(*at, a.busy...)
	}
	for _, w := range a.busy {
		w.asking.busy = false
	}
	a.busy = a.busy[:0]
	now := &a.rounds[a.round%len(a.rounds)]
	for _, w := range *now {
		a.add(w)
	}
	*now = nil
}

// answered says that a tick at this time told the states that were due.
func (a *asks) answered(at time.Time, all bool) {
	for _, w := range a.next {
		w.asking.next = false
	}
	clear(a.next)
	if a.next = a.next[:0]; all {
		a.all = at
	}
}
