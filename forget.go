package caddyjobs

import (
	"slices"
	"time"
)

// keep sets the age, from which on sheets are not kept; 0 keeps none.
func (f *shelf) keep(age time.Duration) {
	f.mu.Lock()
	f.age = age
	f.mu.Unlock()
	f.expire()
}

// expire drops the sheets that are too old, though nobody asks for them.
func (f *shelf) expire() {
	f.mu.Lock()
	defer f.mu.Unlock()
	next := f.age
	for e := f.used.Front(); e != nil; {
		s := e.Value.(*slot)
		e = e.Next()
		if left := f.age - time.Since(s.born); left > 0 {
			next = min(next, left)
		} else {
			f.remove(s)
		}
	}
	if f.expiry != nil {
		f.expiry.Stop()
		f.expiry = nil
	}
	if f.used.Len() > 0 {
		f.expiry = time.AfterFunc(next, f.expire)
	}
}

// has reports whether there are sheets of a job, or will be.
func (f *shelf) has(w *watched) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.jobs[w]) > 0
}

// forget drops a job's sheets, and those that are being read. Who waits for one
// of them has it alone.
func (f *shelf) forget(w *watched) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range slices.Clone(f.jobs[w]) {
		f.remove(s)
	}
}

// clear drops the sheets of some jobs, or of all.
func (f *shelf) clear(some func(job string) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for w, slots := range f.jobs {
		if some(w.em.Job()) {
			for _, s := range slices.Clone(slots) {
				f.remove(s)
			}
		}
	}
}

// clear forgets what is kept in memory of some jobs, and which are recent: who
// comes is shown what the store then has.
func (h *hub) clear(some func(job string) bool) {
	h.shelf.clear(some)
	h.recents.newest.clear()
	h.recents.shown.clear()
	h.mu.Lock()
	defer h.mu.Unlock()
	for job, w := range h.watched {
		if !some(job) {
			continue
		}
		w.em.Trim(0) // who is behind reads the store
		if w.ended && w.viewers == 0 {
			h.drop(w)
		}
	}
}
