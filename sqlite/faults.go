package sqlite

import (
	"context"
	"fmt"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// longestReason is how long the text of a placeholder is, in bytes.
const longestReason = 1024

// faulty reports whether err, of a query, comes of a row: a view may work out
// something that cannot be, or that is too large. What cannot be prepared is no
// row's fault.
func (f *file) faulty(ctx context.Context, q querier, query string, args []any, err error) bool {
	return suspect(err) && each(ctx, q, "EXPLAIN "+query, args, func(scanner) error { return errEnough }) == nil
}

// suspect reports whether err can come of a row.
func suspect(err error) bool {
	switch code(err) {
	case lib.SQLITE_ERROR, lib.SQLITE_TOOBIG, lib.SQLITE_MISMATCH:
		return true
	default:
		return false
	}
}

// culprit is the first row of a range, or the last one going down, if a query
// fails there: try runs it within another range. It is likely to be near.
func culprit(g joblog.Range, down bool, try func(joblog.Range) error) (int64, error) {
	const faster = 16
	for near := int64(0); g.Lo < g.Hi; near = min(near, 1<<58)*faster + 1 {
		near = min(near, (g.Hi-g.Lo)/2)
		some, others := joblog.Range{Lo: g.Lo, Hi: g.Lo + near}, joblog.Range{Lo: g.Lo + near + 1, Hi: g.Hi}
		if down {
			some, others = joblog.Range{Lo: g.Hi - near, Hi: g.Hi}, joblog.Range{Lo: g.Lo, Hi: g.Hi - near - 1}
		}
		switch err := try(some); {
		case suspect(err):
			g = some
		case err != nil:
			return 0, err
		default:
			g = others
		}
	}
	return g.Lo, nil
}

// tell logs what is wrong with a row, once a minute at most: where one is, there
// may be many, and all are read again and again.
func (f *file) tell(what string, args ...any) {
	now := time.Now().UnixNano()
	if last := f.of.told.Load(); (last == 0 || now-last > int64(time.Minute)) && f.of.told.CompareAndSwap(last, now) {
		f.of.log.Warn(what, append(args, "path", f.of.path)...)
	}
}

// placeholder stands for a row that cannot be read.
func (f *file) placeholder(id int64, job string, why error) *joblog.Event {
	f.tell("a row cannot be read; who watches its job is shown the reason in its place", "id", id, "job", job, "error", why)
	return &joblog.Event{
		ID: id, Job: job, Severity: "error", Unreadable: true,
		Message: cut(fmt.Sprintf("[row %d cannot be read: %v]", id, why), longestReason),
	}
}

// mend puts a placeholder for the first row of a range, at which err came, and
// sets the page behind it.
func (r *reading) mend(ctx context.Context, g joblog.Range, why error) error {
	id, err := culprit(g, r.q.Last, func(g joblog.Range) error {
		return each(ctx, r.tx, r.query, r.args(g, 1), func(scanner) error { return nil })
	})
	if err != nil {
		return err
	}
	r.faults--
	job, err := r.jobOf(ctx, r.tx, id)
	if err != nil {
		return err
	}
	if e := r.placeholder(id, job, why); job == r.q.Job && r.take(e, 0) != nil {
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
