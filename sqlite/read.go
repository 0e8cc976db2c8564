package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// errEnough ends a loop over rows.
var errEnough = errors.New("enough rows")

// possible reports whether a job can have this id, or an owner be called so: text
// in a database does.
func possible(id string) bool {
	return id != "" && utf8.ValidString(id) && !strings.ContainsRune(id, 0)
}

// list is JSON of those ids that a job can have.
func list(ids []string) (string, error) {
	b, err := json.Marshal(slices.DeleteFunc(ids, func(id string) bool { return !possible(id) }))
	return string(b), err
}

// pairs is JSON of those asks that a job can be the answer to: the id, and the
// owner or null for any. The list is of the asks in this order.
func pairs(asks []joblog.Ask) (list []joblog.Ask, text string, err error) {
	all := [][2]*string{} // none is an empty list
	for _, ask := range asks {
		var owner *string
		if !ask.AnyOwner {
			owner = &ask.Owner
		}
		if possible(ask.ID) && (ask.AnyOwner || possible(ask.Owner)) {
			list, all = append(list, ask), append(all, [2]*string{&ask.ID, owner})
		}
	}
	b, err := json.Marshal(all)
	return list, string(b), err
}

// Jobs looks up jobs, and compares the owners where they are.
func (s *Store) Jobs(ctx context.Context, asks []joblog.Ask) (map[joblog.Ask]joblog.Job, error) {
	list, asked, err := pairs(asks)
	if err != nil {
		return nil, err
	}
	jobs := make(map[joblog.Ask]joblog.Job, len(list))
	err = s.inTurn(ctx, s.lookups, func(ctx context.Context, f *file) error {
		err := f.findJobs(ctx, list, asked, jobs)
		if !f.faulty(ctx, f.look, f.jobs, []any{asked}, err) {
			return err
		}
		clear(jobs)
		for i := range list { // the others are not to pay for one that cannot be read
			one, asked, err := pairs(list[i : i+1])
			if err == nil {
				err = f.findJobs(ctx, one, asked, jobs)
			}
			if f.faulty(ctx, f.look, f.jobs, []any{asked}, err) {
				f.tell("a job cannot be read; it is as if it were not there", "job", list[i].ID, "error", err)
			} else if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("looking up jobs: %w", err)
	}
	return jobs, nil
}

// findJobs puts into a map the jobs that a list of asks, which is asked as JSON, is
// for. A job of which there are several rows is none: which one tells its owner?
func (f *file) findJobs(ctx context.Context, list []joblog.Ask, asked string, jobs map[joblog.Ask]joblog.Job) error {
	return each(ctx, f.look, f.jobs, []any{asked}, func(scan scanner) error {
		var nth int
		var job joblog.Job
		var state, owner sql.NullString
		var several bool
		if err := scan(&nth, &job.ID, &state, &owner, &several, &job.Version); err != nil {
			return err
		}
		ask := list[nth]
		if !sameID(ask.ID, job.ID) {
			return nil
		}
		if several {
			f.tell("a job has several rows, and is as if it were not there; delete all but one, and run "+
				named(`CREATE UNIQUE INDEX caddyjobs_jobs ON {jobs} ({jobid})`, f.of.tables), "job", ask.ID)
			return nil
		}
		job.State, job.Owner, job.Version = cut(state.String, joblog.WordBytes), owner.String, digest(job.Version)
		job.Terminal = slices.Contains(f.of.tables.Jobs.Terminal, job.State)
		jobs[ask] = job
		return nil
	})
}

// sameID reports whether the id that was asked for names the one found. An
// integer column takes "7.0" and " 7" for 7, too: those are not ids.
func sameID(asked, found string) bool {
	if n, err := strconv.ParseInt(found, 10, 64); err == nil {
		m, err := strconv.ParseInt(asked, 10, 64)
		return err == nil && m == n
	}
	return true
}

// Read returns one page of a job's log.
func (s *Store) Read(ctx context.Context, q joblog.Query) (joblog.Page, error) {
	if !possible(q.Job) {
		return joblog.Page{}, ctx.Err()
	}
	if q.Limit <= 0 || q.Limit > joblog.PageRows {
		q.Limit = joblog.PageRows
	}
	var p page
	err := s.inTurn(ctx, s.reads, func(ctx context.Context, f *file) error {
		err := snapshot(ctx, f.read, func(tx *sql.Tx) error {
			r, err := f.reading(tx, q, s.maxMessage)
			if err == nil {
				err = r.fill(ctx)
			}
			p = r.page
			if errors.Is(err, joblog.ErrMisconfigured) { // this log is not, and others may be
				err = fmt.Errorf("%w: %w", joblog.ErrUnserved, err)
			}
			return err
		})
		if err != nil {
			return err
		}
		return s.complete(ctx, f, f.read, &p)
	})
	if err != nil {
		return joblog.Page{}, fmt.Errorf("reading a log: %w", err)
	}
	if q.Last {
		slices.Reverse(p.events)
	}
	return joblog.Page{Events: p.events, More: p.more, Passed: p.passed()}, nil
}

// spans are the ids that upTo covers and after does not, ascending.
func spans(after, upTo joblog.Cursor) joblog.Ranges {
	const last = math.MaxInt64 - 1 // no row is above, so that adding 1 is safe
	wanted := slices.Clone(after.Holes)
	if after.N < last {
		wanted = append(wanted, joblog.Range{Lo: after.N + 1, Hi: last})
	}
	var out joblog.Ranges
	for _, w := range wanted {
		lo, hi := max(w.Lo, 1), min(w.Hi, upTo.N, last)
		for _, h := range upTo.Holes {
			if h.Hi < lo || h.Lo > hi {
				continue
			}
			if h.Lo > lo {
				out = append(out, joblog.Range{Lo: lo, Hi: h.Lo - 1})
			}
			lo = min(h.Hi, last) + 1
		}
		if lo <= hi {
			out = append(out, joblog.Range{Lo: lo, Hi: hi})
		}
	}
	return out
}
