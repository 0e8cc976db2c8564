package caddyjobs

import (
	"container/list"
	"context"
	"net/netip"
	"slices"
	"sort"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// shelf keeps sheets of the logs of watched jobs, so that many viewers who
// replay the same cost one read and one encoding. Sheets belong to one life of a
// job, and are dropped with it: a log that was deleted and written anew is not
// mixed up with what it was. Who comes is given none that is older than the age.
// All are kept within a bound; the least recently used make way.
type shelf struct {
	read func(*watched, part) (joblog.Page, error)
	run  func(func()) // starts a goroutine

	mu     sync.Mutex
	jobs   map[*watched][]*slot // ascending by what they begin after
	used   list.List            // of the slots with sheets, the least recently used first
	size   int                  // of all sheets, in bytes
	bound  int
	age    time.Duration // 0 if nothing is kept
	expiry *time.Timer   // of the oldest sheet; nil if there is none
}

// part is the part of a log that a client of a network is missing: the rows above one
// id, up to another.
type part struct {
	after, upTo int64
	from        netip.Prefix
}

// slot is where a sheet is, or will be.
type slot struct {
	of      *watched
	after   int64
	born    time.Time     // when the oldest of its rows were asked for, or before
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
// It may return errStoreDown, joblog.ErrUnserved and ctx's error.
func (f *shelf) get(ctx context.Context, w *watched, p part) (*joblog.Sheet, error) {
	sheet, r := f.look(w, p)
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
func (f *shelf) look(w *watched, p part) (*joblog.Sheet, *reading) {
	after := p.after
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.age <= 0 {
		return nil, f.begin(&slot{of: w, after: after}, p)
	}
	s := f.find(w, after)
	for s != nil && s.sheet != nil && time.Since(s.born) >= f.age {
		f.remove(s)
		s = f.find(w, after)
	}
	if s == nil || s.sheet == nil || after >= s.sheet.Through {
		return nil, f.fetch(s, w, p)
	}
	f.used.MoveToBack(s.place)
	sheet := s.sheet
	f.ahead(s, p)
	return sheet, nil
}

// find is the slot that has, or will have, what is above an id, or that ends
// there and can be extended; nil if there is none. The caller holds mu, as with
// all that follows.
func (f *shelf) find(w *watched, after int64) *slot {
	slots := f.jobs[w]
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
func (f *shelf) fetch(s *slot, w *watched, p part) *reading {
	if s == nil {
		after := p.after
		s = &slot{of: w, after: after, born: time.Now()}
		slots := f.jobs[w]
		i := sort.Search(len(slots), func(i int) bool { return slots[i].after > after })
		f.jobs[w] = slices.Insert(slots, i, s)
	}
	if s.reading == nil {
		return f.begin(s, p)
	}
	return s.reading
}

// begin begins to read a slot's sheet, or what follows the one that it has.
func (f *shelf) begin(s *slot, p part) *reading {
	r, old := &reading{done: make(chan struct{})}, s.sheet
	if p.after = s.after; old != nil {
		p.after = old.Through
	}
	s.reading = r
	f.run(func() { f.load(s, r, old, p) })
	return r
}

// ahead begins to read the sheet that follows, while the one before it is sent.
func (f *shelf) ahead(s *slot, p part) {
	const least = 4 * joblog.PageBytes // with less, it might be gone before it is asked for
	p.after = s.sheet.Through
	if f.bound >= least && s.sheet.More && p.after < p.upTo && f.find(s.of, p.after) == nil {
		f.fetch(nil, s.of, p)
	}
}

// load reads a slot's sheet, or what follows old.
func (f *shelf) load(s *slot, r *reading, old *joblog.Sheet, p part) {
	r.err = rescued(func() error {
		page, err := f.read(s.of, p)
		switch {
		case err != nil:
			return err
		case old != nil:
			r.sheet = old.Extended(p.upTo, page)
		default:
			r.sheet = joblog.NewSheet(p.after, p.upTo, page)
		}
		return nil
	})
	f.mu.Lock()
	f.put(s, r.sheet)
	f.mu.Unlock()
	close(r.done)
}

// put ends a reading. sheet is nil if it failed.
func (f *shelf) put(s *slot, sheet *joblog.Sheet) {
	s.reading = nil
	if !slices.Contains(f.jobs[s.of], s) {
		return // forgotten meanwhile, or not to be kept
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
	if f.expiry == nil {
		f.expiry = time.AfterFunc(f.age, f.expire)
	}
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
	slots := f.jobs[s.of]
	if i := slices.Index(slots, s); i >= 0 {
		f.jobs[s.of] = slices.Delete(slots, i, i+1)
	}
	if len(f.jobs[s.of]) == 0 {
		delete(f.jobs, s.of)
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
