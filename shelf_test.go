package caddyjobs

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// library is logs without holes, with pages of 100 rows.
type library struct {
	shelf
	reads  atomic.Int32
	rows   atomic.Int64 // of each log
	broken atomic.Bool
	work   sync.WaitGroup
	lives  sync.Map // by job
}

// life is that of a job.
func (l *library) life(job string) *watched {
	w, _ := l.lives.LoadOrStore(job, &watched{em: joblog.NewEmitter(job)})
	return w.(*watched)
}

func newLibrary(bound int) *library {
	l := &library{shelf: shelf{jobs: map[*watched][]*slot{}, bound: bound, age: time.Hour}}
	l.run = l.work.Go
	l.read = func(w *watched, p part) (page joblog.Page, err error) {
		l.reads.Add(1)
		if l.broken.Load() {
			return page, errors.New("broken")
		}
		for id := p.after + 1; id <= min(p.upTo, l.rows.Load()); id++ {
			if len(page.Events) == 100 {
				page.More = true
				break
			}
			page.Events = append(page.Events, joblog.Event{ID: id, Job: w.em.Job(), Message: strings.Repeat("x", 1000)})
		}
		return page, nil
	}
	return l
}

// readAll replays a log, and checks that it is whole.
func (l *library) readAll(t *testing.T, job string, after, upTo int64) {
	t.Helper()
	em := joblog.NewEmitter(job)
	em.Complete("completed", joblog.Cursor{N: upTo})
	s := joblog.NewStream(source{l, upTo}, em, joblog.Options{After: joblog.Cursor{N: after}, Tail: -1})
	defer s.Close()
	b, state, err := []byte(nil), joblog.More, error(nil)
	for state == joblog.More && err == nil {
		b, state, err = s.Pull(t.Context(), b)
	}
	if want := min(upTo, l.rows.Load()) - after; err != nil || s.Rows() != want || strings.Count(string(b), "id: ") != int(want)+1 {
		t.Errorf("%s after %d: %d rows, want %d, %v", job, after, s.Rows(), want, err)
	}
}

// source is a library as a stream's source.
type source struct {
	*library
	n int64
}

func (s source) Position() joblog.Cursor { return joblog.Cursor{N: s.n} }

func (s source) Read(context.Context, joblog.Query) (joblog.Page, error) {
	return joblog.Page{}, errors.New("what is settled should be shared")
}

func (s source) Sheet(ctx context.Context, job string, after, upTo int64) (*joblog.Sheet, error) {
	return s.get(ctx, s.life(job), part{after: after, upTo: upTo})
}

// TestShelf has many replay the same: each page is read once, whoever comes,
// and what is new is read alone.
func TestShelf(t *testing.T) {
	l := newLibrary(1 << 30)
	l.rows.Store(950)
	var viewers sync.WaitGroup
	for i := range 50 {
		viewers.Go(func() { l.readAll(t, "job", int64(i%2)*120, 950) })
	}
	viewers.Wait()
	l.work.Wait()
	if n := l.reads.Load(); n > 20 { // ten pages, from one place or from two
		t.Errorf("%d reads", n)
	}
	before := l.reads.Load()
	l.readAll(t, "job", 0, 950)
	l.readAll(t, "job", 700, 950)
	if n := l.reads.Load() - before; n != 0 {
		t.Errorf("%d reads of what is there", n)
	}
	l.rows.Store(960)
	l.readAll(t, "job", 0, 960)
	l.readAll(t, "job", 955, 960)
	if n := l.reads.Load() - before; n != 1 {
		t.Errorf("%d reads of ten new rows, want 1", n)
	}
}

// TestShelfBound keeps within the bound, and serves what does not fit it.
func TestShelfBound(t *testing.T) {
	for _, bound := range []int{0, 200 << 10, 8 << 20} {
		t.Run(fmt.Sprint(bound), func(t *testing.T) {
			l := newLibrary(bound)
			l.rows.Store(500)
			var viewers sync.WaitGroup
			for i := range 20 {
				viewers.Go(func() { l.readAll(t, fmt.Sprint("job ", i%4), 0, 500) })
			}
			viewers.Wait()
			l.work.Wait()
			sum := 0
			for _, slots := range l.jobs {
				for _, s := range slots {
					sum += s.sheet.Size()
				}
			}
			if sum != l.size || sum > bound {
				t.Errorf("%d bytes are kept, %d counted, of %d", sum, l.size, bound)
			}
		})
	}
}

// TestShelfForgets drops a log that was written anew, and failures.
func TestShelfForgets(t *testing.T) {
	l := newLibrary(1 << 30)
	l.broken.Store(true)
	if _, err := l.get(t.Context(), l.life("job"), part{upTo: 10}); err == nil {
		t.Error("no error")
	}
	l.broken.Store(false)
	l.rows.Store(10)
	l.readAll(t, "job", 0, 10)
	before := l.reads.Load()
	l.forget(l.life("job"))
	l.readAll(t, "job", 0, 10)
	if l.reads.Load() == before {
		t.Error("what was forgotten was not read again")
	}
	if l.forget(l.life("job")); l.size != 0 || len(l.jobs) != 0 {
		t.Errorf("%d bytes, %d jobs are kept", l.size, len(l.jobs))
	}
}

// TestReplaysShare opens a finished log of real rows many times at once.
func TestReplaysShare(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	logged(t, s, "job", 9000, "completed")
	var viewers sync.WaitGroup
	var want atomic.Pointer[string]
	for range 20 {
		st := s.get(t, "/jobs/job/logs")
		viewers.Go(func() {
			b, err := st.all()
			body := string(b)
			if strings.Count(body, "event_id") != 9000 || err != nil {
				t.Errorf("%d rows, %v", strings.Count(body, "event_id"), err)
			}
			if !want.CompareAndSwap(nil, &body) && *want.Load() != body {
				t.Error("two viewers got different bytes")
			}
		})
	}
	viewers.Wait()
}
