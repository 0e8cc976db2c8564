package postgres

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Jobs looks up jobs in one query, which compares the owners, too.
func (s *Store) Jobs(ctx context.Context, asks []joblog.Ask) (jobs map[joblog.Ask]joblog.Job, err error) {
	err = s.lookUp(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		jobs = map[joblog.Ask]joblog.Job{}
		err := l.findJobs(ctx, pool, asks, jobs)
		if !is(err, untranslatable) {
			return err
		}
		for i := range asks { // the others are not to pay for an id, or an owner, that no job can have
			if err := l.findJobs(ctx, pool, asks[i:i+1], jobs); err != nil && !is(err, untranslatable) {
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

// untranslatable is the code of errors about characters that the database's
// encoding lacks.
const untranslatable = "22P05"

// findJobs puts jobs into a map, by what they were asked for.
func (l *layout) findJobs(ctx context.Context, pool *pgxpool.Pool, asks []joblog.Ask, jobs map[joblog.Ask]joblog.Job) error {
	asked := map[joblog.Ask][]joblog.Ask{} // by how the database writes them
	for _, ask := range asks {
		if c, ok := l.canonicalAsk(ask); ok {
			asked[c] = append(asked[c], ask)
		}
	}
	if len(asked) == 0 {
		return nil
	}
	list, ids, owners := columnsOf(asked)
	rows, err := pool.Query(ctx, l.jobs, ids, owners)
	if err != nil {
		return err
	}
	var nth int
	var job joblog.Job
	var state *string
	_, err = pgx.ForEachRow(rows, []any{&nth, &job.ID, &state, &job.Owner, &job.Version}, func() error {
		if job.ID != list[nth-1].ID {
			return nil // the column takes two texts for one
		}
		job.State = ""
		if state != nil {
			job.State = *state
		}
		job.Terminal = slices.Contains(l.terminal, job.State)
		for _, ask := range asked[list[nth-1]] {
			jobs[ask] = job
		}
		return nil
	})
	return err
}

// canonicalAsk is an ask with the id as the database writes it; ok is false if
// no job can be the answer.
func (l *layout) canonicalAsk(ask joblog.Ask) (c joblog.Ask, ok bool) {
	id, ok := canonical(l.jobsType, ask.ID)
	if ask.AnyOwner {
		return joblog.Ask{ID: id, AnyOwner: true}, ok
	}
	return joblog.Ask{ID: id, Owner: ask.Owner}, ok && ask.Owner != "" && isText(ask.Owner)
}

// columnsOf lists asks, and their ids and owners as columns. An owner is NULL
// where any is right.
func columnsOf(asked map[joblog.Ask][]joblog.Ask) (list []joblog.Ask, ids []string, owners []*string) {
	for ask := range asked {
		var owner *string
		if !ask.AnyOwner {
			owner = &ask.Owner
		}
		list, ids, owners = append(list, ask), append(ids, ask.ID), append(owners, owner)
	}
	return list, ids, owners
}

func keys[V any](m map[string]V) []string {
	list := make([]string, 0, len(m))
	for key := range m {
		list = append(list, key)
	}
	return list
}

// rangesAPage is how many ranges of ids one query looks through.
const rangesAPage = 64

// Read returns one page of a job's log.
func (s *Store) Read(ctx context.Context, q joblog.Query) (page joblog.Page, err error) {
	err = s.ask(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		page, err = l.readPage(ctx, pool, q)
		return err
	})
	if err != nil {
		return joblog.Page{}, fmt.Errorf("reading a log: %w", err)
	}
	return page, nil
}

// readPage looks through the ids that are wanted, some ranges at a time, until
// it has found a row: a page without rows would be the last one.
func (l *layout) readPage(ctx context.Context, pool *pgxpool.Pool, q joblog.Query) (page joblog.Page, err error) {
	job, ok := canonical(l.jobType, q.Job)
	if !ok {
		return page, nil
	}
	wanted := missing(q.After, q.UpTo)
	for len(wanted) > 0 && len(page.Events) == 0 && err == nil {
		var some joblog.Ranges
		if q.Last {
			at := max(0, len(wanted)-rangesAPage)
			wanted, some = wanted[:at], wanted[at:]
		} else {
			at := min(len(wanted), rangesAPage)
			some, wanted = wanted[:at], wanted[at:]
		}
		page, err = l.readRanges(ctx, pool, q, job, some)
	}
	page.More = page.More || len(wanted) > 0
	return page, err
}

// readRanges reads a page, of rows in some ranges. Whether bytes will end it is
// guessed from the page before, of whatever log.
func (l *layout) readRanges(ctx context.Context, pool *pgxpool.Pool, q joblog.Query, job string, wanted joblog.Ranges) (joblog.Page, error) {
	page, full, err := l.readRows(ctx, pool, q, job, wanted, l.bulky.Load())
	if err == nil && full && len(page.Events) == 0 { // the first one is large
		page, full, err = l.readRows(ctx, pool, q, job, wanted, true)
	}
	if err == nil {
		l.bulky.Store(full)
	}
	return page, err
}

// readRows reads a page by one statement. full is true if bytes ended it.
func (l *layout) readRows(ctx context.Context, pool *pgxpool.Pool, q joblog.Query, job string, wanted joblog.Ranges, bulky bool) (page joblog.Page, full bool, err error) {
	limit := q.Limit
	if limit < 1 || limit > joblog.PageRows {
		limit = joblog.PageRows
	}
	args := []any{job, wanted[0].Lo, wanted[0].Hi, limit + 1}
	if len(wanted) > 1 {
		args[1], args[2] = split(wanted)
	}
	rows, err := pool.Query(ctx, l.page[pageKind{q.Last, len(wanted) > 1, bulky}], args...)
	if err != nil {
		return page, false, err
	}
	page.Events = make([]joblog.Event, 0, limit)
	var kept bool
	size := 0
	e, scan := l.scanner()
	_, err = pgx.ForEachRow(rows, append([]any{&e.ID, &kept}, scan...), func() error {
		if full = full || !kept; full || len(page.Events) == limit {
			page.More = true
			return nil
		}
		event := e.event(q.Job, l.max)
		if size += event.Size(); size > joblog.PageBytes && len(page.Events) > 0 {
			page.More, full = true, true
			return nil
		}
		page.Events = append(page.Events, event)
		return nil
	})
	if q.Last {
		slices.Reverse(page.Events)
	}
	return page, full, err
}

// missing is what upTo covers and after does not, as ranges of ids.
func missing(after, upTo joblog.Cursor) joblog.Ranges {
	lacking := after.Holes
	if after.N < upTo.N {
		lacking = append(lacking[:len(lacking):len(lacking)], joblog.Range{Lo: after.N + 1, Hi: upTo.N})
	}
	var wanted joblog.Ranges
	for _, r := range lacking {
		lo, hi := max(r.Lo, 1), min(r.Hi, upTo.N)
		for _, h := range upTo.Holes {
			if h.Hi < lo || h.Lo > hi {
				continue
			}
			if h.Lo > lo {
				wanted = append(wanted, joblog.Range{Lo: lo, Hi: h.Lo - 1})
			}
			lo = h.Hi + 1
		}
		if lo <= hi {
			wanted = append(wanted, joblog.Range{Lo: lo, Hi: hi})
		}
	}
	return wanted
}

func split(r joblog.Ranges) (lows, highs []int64) {
	lows, highs = make([]int64, len(r)), make([]int64, len(r))
	for i := range r {
		lows[i], highs[i] = r[i].Lo, r[i].Hi
	}
	return lows, highs
}

// row is a row as it is scanned.
type row struct {
	ID           int64
	message, sev pgtype.Text
	cut          bool
	time         pgtype.Int8
}

func (l *layout) scanner() (*row, []any) {
	r := new(row)
	return r, []any{&r.message, &r.cut, &r.sev, &r.time}
}

func (r *row) event(job string, most int) joblog.Event {
	e := joblog.Event{ID: r.ID, Job: job, Message: r.message.String, Severity: r.sev.String, Time: r.time.Int64, Truncated: r.cut}
	if r.cut {
		e.Message = trim(e.Message, most)
	}
	return e
}

// trim cuts a text to at most so many bytes, between two characters.
func trim(s string, most int) string {
	if len(s) <= most {
		return s
	}
	for most > 0 && !utf8.RuneStart(s[most]) {
		most--
	}
	return strings.Clone(s[:most])
}

// Newest is the highest id ever given out, as far as the database tells. A
// standby, which may lag behind others, does not.
func (s *Store) Newest(ctx context.Context) (id int64, err error) {
	err = s.lookUp(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		return pool.QueryRow(ctx, l.newest).Scan(&id)
	})
	if err != nil {
		return 0, fmt.Errorf("reading the newest id: %w", err)
	}
	return id, nil
}
