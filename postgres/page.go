package postgres

import (
	"context"
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// What one page costs is bounded by the ranges of ids that it looks through, and
// by its statements.
const (
	pageRanges     = 64
	pageStatements = 4
)

// Read returns one page of a job's log.
func (s *Store) Read(ctx context.Context, q joblog.Query) (page joblog.Page, err error) {
	err = s.ask(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		page, err = s.readPage(ctx, pool, l, q)
		return err
	})
	if err != nil {
		return joblog.Page{}, fmt.Errorf("reading a log: %w", err)
	}
	return page, nil
}

// paging is a page that is being read.
type paging struct {
	*layout
	store *Store
	pool  *pgxpool.Pool
	q     joblog.Query
	job   string // as the database writes it
	limit int    // rows
	page  joblog.Page
	size  int // bytes
}

// readPage looks through the ids that are wanted, some ranges at a time.
func (s *Store) readPage(ctx context.Context, pool *pgxpool.Pool, l *layout, q joblog.Query) (joblog.Page, error) {
	job, ok := canonical(l.jobType, q.Job)
	if !ok {
		return joblog.Page{}, nil
	}
	p := paging{layout: l, store: s, pool: pool, q: q, job: job, limit: q.Limit}
	if p.limit < 1 || p.limit > joblog.PageRows {
		p.limit = joblog.PageRows
	}
	wanted := missing(q.After, q.UpTo)
	for ranges, statements := 0, 0; len(wanted) > 0 && !p.page.More; statements++ {
		if ranges >= pageRanges || statements == pageStatements {
			p.page.More = true
			break
		}
		some, rest := portion(wanted, q.Last)
		if err := p.read(ctx, some); err != nil {
			return joblog.Page{}, err
		}
		wanted, ranges = rest, ranges+len(some)
		if !p.page.More {
			p.pass(some)
		}
	}
	return p.done(), nil
}

// portion parts the ranges that one statement looks through, from either end,
// from the others: one, or some that are so narrow that they have no more rows
// than a page.
func portion(wanted joblog.Ranges, last bool) (some, rest joblog.Ranges) {
	width, n := int64(0), 0
	for ; n < min(len(wanted), pageRanges); n++ {
		r := wanted[n]
		if last {
			r = wanted[len(wanted)-1-n]
		}
		if width += r.Hi - r.Lo + 1; n > 0 && width > joblog.PageRows || width < 0 {
			break
		}
	}
	if n = max(n, 1); last {
		return wanted[len(wanted)-n:], wanted[:len(wanted)-n]
	}
	return wanted[:n], wanted[n:]
}

// pass notes that some ranges were looked through.
func (p *paging) pass(some joblog.Ranges) {
	if p.page.Passed = some[len(some)-1].Hi; p.q.Last {
		p.page.Passed = some[0].Lo
	}
}

// done is the page, with its rows ascending.
func (p *paging) done() joblog.Page {
	if !p.page.More {
		p.page.Passed = 0
	}
	if n := len(p.page.Events); n > 0 {
		last := p.page.Events[n-1].ID
		if beyond := p.page.Passed > last; beyond == p.q.Last || p.page.Passed == last {
			p.page.Passed = 0
		}
	}
	if p.q.Last {
		slices.Reverse(p.page.Events)
	}
	return p.page
}

// read reads rows in some ranges. Whether bytes will end the page is guessed from
// the one before, of whatever log.
func (p *paging) read(ctx context.Context, some joblog.Ranges) error {
	before, size := len(p.page.Events), p.size
	full, err := p.readRanges(ctx, some, p.bulky.Load())
	if err == nil && full && len(p.page.Events) == 0 { // the first one is large
		p.page.More = false
		full, err = p.readRanges(ctx, some, true)
	}
	if faulty(err) {
		clear(p.page.Events[before:])
		p.page.Events, p.page.More, p.size = p.page.Events[:before], false, size
		return p.sift(ctx, some)
	}
	if err == nil {
		p.bulky.Store(full)
	}
	return err
}

// mode is how a page's statement is sent. It is planned for the values that it
// has, where there is an index to choose: a plan for any job and any ids goes
// through the rows of all others. Without one it is the best.
func (p *paging) mode() pgx.QueryExecMode {
	if p.indexed {
		return pgx.QueryExecModeCacheDescribe
	}
	return p.store.mode()
}

// args are a statement's, of a kind.
func (p *paging) args(k pageKind, some joblog.Ranges) []any {
	args := []any{p.mode(), p.job, some[0].Lo, some[0].Hi, p.limit - len(p.page.Events) + 1}
	if k.ranges {
		args[2], args[3] = split(some)
	}
	if k.ranked {
		words, listed := p.q.Rank.Words()
		args = append(args, words, listed)
	}
	return args
}

// readRanges reads rows by one statement. full is true if bytes ended the page.
func (p *paging) readRanges(ctx context.Context, some joblog.Ranges, bulky bool) (full bool, err error) {
	k := pageKind{last: p.q.Last, ranges: len(some) > 1, bulky: bulky, ranked: p.q.Rank > joblog.RankTrace}
	rows, err := p.pool.Query(ctx, p.layout.page[k], p.args(k, some)...)
	if err != nil {
		return false, err
	}
	var wanted, edge, kept bool
	e, columns := scanner()
	_, err = pgx.ForEachRow(rows, append([]any{&e.ID, &wanted, &edge, &kept}, columns...), func() error {
		switch {
		case p.page.More:
		case !wanted:
			p.page.Passed, p.page.More = e.ID, true
		case !kept || !p.add(p.event(e, p.q.Job)):
			full = full || len(p.page.Events) < p.limit
			p.page.More = true
		default:
			p.page.More = edge
		}
		return nil
	})
	return full, err
}

// add takes in a row, if there is room for it.
func (p *paging) add(e joblog.Event) bool {
	if len(p.page.Events) == p.limit {
		return false
	}
	if p.size+e.Size() > joblog.PageBytes && len(p.page.Events) > 0 {
		return false
	}
	p.size += e.Size()
	p.page.Events = append(p.page.Events, e)
	return true
}
