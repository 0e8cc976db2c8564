package caddyjobs

import (
	"container/list"
	"context"
	"slices"
	"sort"
	"sync"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// shelf keeps sheets of the logs of watched jobs, so that many viewers who
// replay the same cost one read and one encoding. A job's sheets are dropped
// with its emitter: a log that was deleted and written anew is not mixed up
// with what it was. All are kept within a bound; the least recently used make
// way.
type shelf struct {
	read func(job string, after, upTo int64) (joblog.Page, error)
	run  func(func()) // starts a goroutine

	mu    sync.Mutex
	jobs  map[string][]*slot // ascending by what they begin after
	used  list.List          // of the slots with sheets, the least recently used first
	size  int                // of all sheets, in bytes
	bound int
}

// slot is where a sheet is, or will be.
type slot struct {
	job     string
	after   int64
	sheet   *joblog.Sheet // nil until the first is read
	place   *list.Element // among those used, if there is a sheet
	reading *reading      // nil if none is under way
}

// reading is a read that is under way, or has ended.
type reading struct {
	done  chan struct{} // closed when what follows is set
	sheet *joblog.Sheet
	err   error
}

// get returns a sheet that has what is above an id, up to upTo or to its end.
// It may return errStoreDown, and ctx's error.
func (f *shelf) get(ctx context.Context, job string, after, upTo int64) (*joblog.Sheet, error) {
	sheet, r := f.look(job, after, upTo)
	if sheet != nil {
		return sheet, nil
	}
	select {
	case <-r.done:
		return r.sheet, r.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// look returns a sheet that is there, or what reads it.
func (f *shelf) look(job string, after, upTo int64) (*joblog.Sheet, *reading) {
	f.mu.Lock()
	defer f.mu.Unlock()
	s := f.find(job, after)
	if s == nil || s.sheet == nil || after >= s.sheet.Through {
		return nil, f.fetch(s, job, after, upTo)
	}
	f.used.MoveToBack(s.place)
	sheet := s.sheet
	f.ahead(s, upTo)
	return sheet, nil
}

// find is the slot that has, or will have, what is above an id, or that ends
// there and can be extended; nil if there is none. The caller holds mu, as with
// all that follows.
func (f *shelf) find(job string, after int64) *slot {
	slots := f.jobs[job]
	i := sort.Search(len(slots), func(i int) bool { return slots[i].after > after })
	if i == 0 {
		return nil
	}
	s := slots[i-1]
	switch {
	case s.after == after:
		return s
	case s.sheet == nil || after > s.sheet.Through:
		return nil
	case after == s.sheet.Through && (s.sheet.Full() || s.sheet.More):
		return nil
	default:
		return s
	}
}

// fetch begins to read a sheet, or to extend one, unless that is under way.
func (f *shelf) fetch(s *slot, job string, after, upTo int64) *reading {
	if s == nil {
		s = &slot{job: job, after: after}
		slots := f.jobs[job]
		i := sort.Search(len(slots), func(i int) bool { return slots[i].after > after })
		f.jobs[job] = slices.Insert(slots, i, s)
	}
	if s.reading == nil {
		r, old := &reading{done: make(chan struct{})}, s.sheet
		s.reading = r
		f.run(func() { f.load(s, r, old, after, upTo) })
	}
	return s.reading
}

// ahead begins to read the sheet that follows, while the one before it is sent.
func (f *shelf) ahead(s *slot, upTo int64) {
	const least = 4 * joblog.PageBytes // with less, it might be gone before it is asked for
	next := s.sheet.Through
	if f.bound >= least && s.sheet.More && next < upTo && f.find(s.job, next) == nil {
		f.fetch(nil, s.job, next, upTo)
	}
}

// load reads a slot's sheet, or what follows old.
func (f *shelf) load(s *slot, r *reading, old *joblog.Sheet, after, upTo int64) {
	r.err = rescued(func() error {
		page, err := f.read(s.job, after, upTo)
		switch {
		case err != nil:
			return err
		case old != nil:
			r.sheet = old.Extended(upTo, page)
		default:
			r.sheet = joblog.NewSheet(after, upTo, page)
		}
		return nil
	})
	close(r.done)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.put(s, r.sheet)
}

// put ends a reading. sheet is nil if it failed.
func (f *shelf) put(s *slot, sheet *joblog.Sheet) {
	s.reading = nil
	if !slices.Contains(f.jobs[s.job], s) {
		return // forgotten meanwhile
	}
	if sheet == nil {
		if s.sheet == nil {
			f.remove(s)
		}
		return
	}
	if s.sheet != nil {
		f.size -= s.sheet.Size()
		f.used.Remove(s.place)
	}
	s.sheet, s.place = sheet, f.used.PushBack(s)
	f.size += sheet.Size()
	f.shrink()
}

// shrink makes the sheets fit the bound.
func (f *shelf) shrink() {
	for e := f.used.Front(); e != nil && f.size > f.bound; {
		s := e.Value.(*slot)
		e = e.Next()
		if s.reading == nil { // else it is about to grow
			f.remove(s)
		}
	}
}

func (f *shelf) remove(s *slot) {
	slots := f.jobs[s.job]
	if i := slices.Index(slots, s); i >= 0 {
		f.jobs[s.job] = slices.Delete(slots, i, i+1)
	}
	if len(f.jobs[s.job]) == 0 {
		delete(f.jobs, s.job)
	}
	if s.place != nil {
		f.used.Remove(s.place)
		f.size -= s.sheet.Size()
		s.place = nil
	}
}

// fit sets the bound, in bytes.
func (f *shelf) fit(bound int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bound = max(bound, 0)
	f.shrink()
}

// bytes is how much memory the sheets take.
func (f *shelf) bytes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.size
}

// forget drops a job's sheets. Viewers who wait for one of them ask again.
func (f *shelf) forget(job string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, s := range slices.Clone(f.jobs[job]) {
		f.remove(s)
	}
}
