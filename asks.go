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
	next    map[string]struct{} // those that the next tick asks for
	all     time.Time           // when all were asked for
	busy    map[string]struct{} // those that had rows since the last round
	rounds  [32][]string        // those to ask for in the rounds to come
	round   int
	rounded time.Time // when the last round began
}

// echoes are the rounds after it had rows in which a job is asked for. To ask in
// every one, for all that had rows lately, would cost more than their rows.
var echoes = [...]int{0, 1, 3, 15}

func newAsks() *asks {
	return &asks{next: map[string]struct{}{}, busy: map[string]struct{}{}}
}

// add asks for a job in the next tick.
func (a *asks) add(job string) { a.next[job] = struct{}{} }

// rows says that a job had rows.
func (a *asks) rows(job string) { a.busy[job] = struct{}{} }

// due are those of the watched jobs that a tick asks for, and whether these are all.
func (a *asks) due(now time.Time, interval time.Duration, watched map[string]struct{}) (jobs []string, all bool) {
	if now.Sub(a.all) >= interval {
		return slices.Collect(maps.Keys(watched)), true
	}
	if now.Sub(a.rounded) >= soonest {
		a.rounded = now
		a.turn()
	}
	for job := range a.next {
		if _, ok := watched[job]; ok {
			jobs = append(jobs, job)
		}
	}
	return jobs, false
}

// turn begins a round.
func (a *asks) turn() {
	a.round++
	for job := range a.busy {
		for _, later := range echoes {
			at := &a.rounds[(a.round+later)%len(a.rounds)]
			*at = append(*at, job)
		}
	}
	clear(a.busy)
	now := &a.rounds[a.round%len(a.rounds)]
	for _, job := range *now {
		a.add(job)
	}
	*now = (*now)[:0]
}

// answered says that a tick at this time told the states that were due.
func (a *asks) answered(at time.Time, all bool) {
	clear(a.next)
	if all {
		a.all = at
	}
}
