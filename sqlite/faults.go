package sqlite

import (
	"context"
	"fmt"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// faulty reports whether err, of a query, comes of a row: a view may work out
// something that cannot be, or that is too large. What cannot be prepared is no
// row's fault.
func (f *file) faulty(ctx context.Context, q querier, query string, args []any, err error) bool {
	switch code(err) {
	case lib.SQLITE_ERROR, lib.SQLITE_TOOBIG, lib.SQLITE_MISMATCH:
		return each(ctx, q, "EXPLAIN "+query, args, func(scanner) error { return errEnough }) == nil
	default:
		return false
	}
}

// culprit is the first row of a range, or the last one going down, if a query
// fails there: bad reports whether it does so within another range.
func culprit(g joblog.Range, down bool, bad func(joblog.Range) (bool, error)) (int64, error) {
	for g.Lo < g.Hi {
		mid := g.Lo + (g.Hi-g.Lo)/2
		near, far := joblog.Range{Lo: g.Lo, Hi: mid}, joblog.Range{Lo: mid + 1, Hi: g.Hi}
		if down {
			near, far = far, near
		}
		is, err := bad(near)
		if err != nil {
			return 0, err
		}
		if g = far; is {
			g = near
		}
	}
	return g.Lo, nil
}

// placeholder stands for a row that cannot be read.
func (f *file) placeholder(id int64, job string, why error) *joblog.Event {
	now := time.Now().UnixNano()
	if last := f.of.told.Load(); (last == 0 || now-last > int64(time.Minute)) && f.of.told.CompareAndSwap(last, now) {
		f.of.log.Warn("a row cannot be read; who watches its job is shown the reason in its place", "id", id, "job", job, "error", why)
	}
	return &joblog.Event{
		ID: id, Job: job, Severity: "error", Unreadable: true,
		Message: cut(fmt.Sprintf("[row %d cannot be read: %v]", id, why), joblog.PageBytes/1024),
	}
}

// mend puts a placeholder for the first row of a range, at which err came, and
// sets the page behind it.
func (r *reading) mend(ctx context.Context, g joblog.Range, why error) error {
	id, err := culprit(g, r.q.Last, func(g joblog.Range) (bool, error) {
		args, n := append([]any{r.q.Job, g.Lo, g.Hi, 1}, r.filter...), 0
		err := each(ctx, r.tx, r.ranged, args, func(scanner) error { n++; return nil })
		if r.faulty(ctx, r.tx, r.ranged, args, err) {
			return true, nil
		}
		return false, err
	})
	if err != nil {
		return err
	}
	r.faults--
	job, err := r.jobOf(ctx, r.tx, id)
	if err != nil {
		return err
	}
	if job == r.q.Job && r.take(r.placeholder(id, job, why), 0) != nil {
		return nil // it is full
	}
	r.at = id
	return nil
}

// jobOf is the job of a row; empty if that cannot be told.
func (f *file) jobOf(ctx context.Context, q querier, id int64) (job string, err error) {
	var value any
	err = each(ctx, q, f.whose, []any{id}, func(scan scanner) error { return scan(&value) })
	if f.faulty(ctx, q, f.whose, []any{id}, err) {
		err = nil
	}
	return text(value), err
}
