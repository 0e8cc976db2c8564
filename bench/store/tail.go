package store

import (
	"context"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// tail follows the rows. Ids ascend in the order in which rows appear, so one
// id says all about what was seen.
type tail struct {
	store *Store
	last  int64
}

// Position is the last id seen.
func (t *tail) Position() joblog.Cursor { return joblog.Cursor{N: t.last} }

// Next returns the new rows of the watched jobs, and the ends asked for.
func (t *tail) Next(ctx context.Context, w joblog.Watch) (joblog.Tick, error) {
	if err := t.store.usable(ctx); err != nil {
		return joblog.Tick{}, err
	}
	r := t.store.rows
	r.mu.RLock()
	defer r.mu.RUnlock()
	p := page{limit: joblog.PageRows}
	reached := t.last
	for i := range r.all[t.last:] {
		e := &r.all[t.last+int64(i)]
		if _, ok := w.Jobs[e.Job]; ok && !p.add(e) {
			break
		}
		reached = e.ID
	}
	tick := joblog.Tick{Events: p.events, Position: joblog.Cursor{N: reached}, More: reached < int64(len(r.all))}
	if !tick.More { // else rows are left that are older than the states
		tick.Ended = r.ended(w.Ask)
	}
	t.last = reached
	return tick, nil
}

// ended are those of the jobs whose state is terminal. The caller holds mu.
func (r *rows) ended(ask []string) map[string]string {
	ended := map[string]string{}
	for _, id := range ask {
		if j := r.jobs[id]; j != nil && terminal(j.state) {
			ended[id] = j.state
		}
	}
	return ended
}
