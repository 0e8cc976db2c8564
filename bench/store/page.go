package store

import (
	"slices"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// page gathers rows within the bounds of one Read or one Next.
type page struct {
	events []joblog.Event
	limit  int
	bytes  int
}

// add adds a row, unless the page is full.
func (p *page) add(e *joblog.Event) bool {
	size := e.Size()
	if len(p.events) == p.limit || len(p.events) > 0 && p.bytes+size > joblog.PageBytes {
		return false
	}
	p.events, p.bytes = append(p.events, *e), p.bytes+size
	return true
}

// read is one page of a job's log.
func (r *rows) read(q joblog.Query) joblog.Page {
	r.mu.RLock()
	defer r.mu.RUnlock()
	j := r.jobs[q.Job]
	if j == nil {
		return joblog.Page{}
	}
	p := page{limit: joblog.PageRows}
	if q.Limit > 0 {
		p.limit = min(q.Limit, p.limit)
	}
	ids := between(j.ids, q.After, q.UpTo)
	p.events = make([]joblog.Event, 0, min(p.limit, len(ids)))
	if q.Last {
		more := p.fill(r.all, slices.Backward(ids), q)
		slices.Reverse(p.events)
		return joblog.Page{Events: p.events, More: more}
	}
	more := p.fill(r.all, slices.All(ids), q)
	return joblog.Page{Events: p.events, More: more}
}

// fill adds those of the rows that q asks for, until the page is full. It
// reports whether there are more.
func (p *page) fill(all []joblog.Event, ids func(func(int, int64) bool), q joblog.Query) (more bool) {
	for _, id := range ids {
		if !q.UpTo.Covers(id) || q.After.Covers(id) {
			continue
		}
		if !p.add(&all[id-1]) {
			return true
		}
	}
	return false
}

// between cuts off what After covers without holes, and what lies above UpTo.
func between(ids []int64, after, upTo joblog.Cursor) []int64 {
	from := after.N
	if len(after.Holes) > 0 {
		from = after.Holes[0].Lo - 1
	}
	low, _ := slices.BinarySearch(ids, from+1)
	ids = ids[low:]
	high, found := slices.BinarySearch(ids, upTo.N)
	if found {
		high++
	}
	return ids[:high]
}
