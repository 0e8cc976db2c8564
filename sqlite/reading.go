package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"runtime"
	"slices"
	"strings"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Bounds of one page, besides those of all stores: whatever is asked for, and
// whoever asks, a page costs no more than this.
const (
	passes   = 50_000  // rows that are looked at
	stretch  = 1_000   // of them by one statement, which takes about a millisecond
	seeks    = 100     // ranges of ids that are looked through
	narrow   = 8       // ids between two ranges that are looked through as one
	longWalk = 200_000 // entries of an index that are looked at to find one page
	faults   = 16      // rows that cannot be read
)

// reading is one page of one job's log that is being read.
type reading struct {
	page
	*file
	*pageStatements
	tx *sql.Tx
	q  joblog.Query

	query               string // of rows
	filter              []any  // the arguments of it
	left, seeks, faults int    // of what bounds the page
}

func (f *file) reading(tx *sql.Tx, q joblog.Query, maxMessage int) (*reading, error) {
	r := &reading{
		page: page{rows: q.Limit, bytes: joblog.PageBytes, maxMessage: maxMessage},
		file: f, tx: tx, q: q, pageStatements: &f.up, left: passes, seeks: seeks, faults: faults,
	}
	if q.Last {
		r.pageStatements = &f.down
	}
	r.skip = func(e *joblog.Event) bool { return q.After.Covers(e.ID) || !q.UpTo.Covers(e.ID) }
	var err error
	r.filter, err = filterOf(q)
	if r.query = r.ranged; r.filters() {
		r.query = r.filtered
	}
	return r, err
}

// filters reports whether rows may be left out.
func (r *reading) filters() bool { return r.filter[0] != nil || r.filter[2] != nil }

// args are the arguments of the query.
func (r *reading) args(g joblog.Range, limit int) []any {
	args := []any{r.q.Job, g.Lo, g.Hi, limit}
	if r.filters() {
		args = append(args, r.filter...)
	}
	return args
}

// filterOf are the arguments of the filter.
func filterOf(q joblog.Query) ([]any, error) {
	args := []any{nil, 0, nil}
	if q.Rank > joblog.RankTrace {
		words, listed := q.Rank.Words()
		for _, word := range words { // the one letter that is like another beyond ASCII, for which SQLite has no case
			words = append(words, strings.ReplaceAll(word, "i", "İ"))
		}
		b, err := json.Marshal(words)
		if err != nil {
			return nil, err
		}
		args[0], args[1] = string(b), listed
	}
	if q.Since != 0 {
		args[2] = q.Since
	}
	return args, nil
}

// fill reads until the page is full, or has cost enough.
func (r *reading) fill(ctx context.Context) error {
	for wanted := spans(r.q.After, r.q.UpTo); len(wanted) > 0 && !r.more; r.seeks-- {
		if r.spent() {
			r.more = true
			break
		}
		var next joblog.Range
		next, wanted = r.next(wanted)
		if err := r.through(ctx, next); err != nil {
			return err
		}
		if rest := r.rest(next); rest.Lo <= rest.Hi {
			r.more = true
		}
	}
	return nil
}

// spent reports whether the page has cost what it may.
func (r *reading) spent() bool { return r.left <= 0 || r.seeks <= 0 || r.faults <= 0 }

// next is what is looked through at once, and what is wanted after it.
func (r *reading) next(wanted joblog.Ranges) (joblog.Range, joblog.Ranges) {
	if r.q.Last {
		i := len(wanted) - 1
		for i > 0 && wanted[i].Lo-wanted[i-1].Hi <= narrow {
			i--
		}
		return joblog.Range{Lo: wanted[i].Lo, Hi: wanted[len(wanted)-1].Hi}, wanted[:i]
	}
	i := 1
	for i < len(wanted) && wanted[i].Lo-wanted[i-1].Hi <= narrow {
		i++
	}
	return joblog.Range{Lo: wanted[0].Lo, Hi: wanted[i-1].Hi}, wanted[i:]
}

// begin sets the page before a range.
func (r *reading) begin(g joblog.Range) {
	if r.at = g.Lo - 1; r.q.Last {
		r.at = g.Hi + 1
	}
}

// end sets the page behind a range.
func (r *reading) end(g joblog.Range) {
	if r.at = g.Hi; r.q.Last {
		r.at = g.Lo
	}
}

// rest is what of a range is not looked at yet.
func (r *reading) rest(g joblog.Range) joblog.Range {
	if r.q.Last {
		g.Hi = r.at - 1
	} else {
		g.Lo = r.at + 1
	}
	return g
}

// first is the part of a range that has so many ids.
func (r *reading) first(g joblog.Range, ids int) joblog.Range {
	switch n := int64(ids) - 1; {
	case g.Hi-g.Lo <= n:
	case r.q.Last:
		g.Lo = g.Hi - n
	default:
		g.Hi = g.Lo + n
	}
	return g
}

// through looks through a range of ids, and sets the page behind what it has
// looked at.
func (r *reading) through(ctx context.Context, g joblog.Range) error {
	r.begin(g)
	if r.path == byJobAndID {
		return r.throughJob(ctx, g)
	}
	return r.throughAll(ctx, g)
}

// throughJob goes through the rows of the job. All that are looked at are taken,
// unless they are filtered.
func (r *reading) throughJob(ctx context.Context, g joblog.Range) error {
	if had := len(r.events); !r.filters() {
		err := r.scan(ctx, g)
		r.left -= len(r.events) - had
		return err
	}
	return r.stretches(ctx, g, r.byRows)
}

// stretches looks through a range piece by piece. part returns the next piece, and the
// most rows it can have. Between pieces it yields the processor: SQLite runs in this
// process, and live viewers may have no other processor.
func (r *reading) stretches(ctx context.Context, g joblog.Range, part func(context.Context, joblog.Range) (joblog.Range, int, error)) error {
	for rest := g; rest.Lo <= rest.Hi && !r.more && !r.spent(); rest = r.rest(g) {
		some, looked, err := part(ctx, rest)
		if err != nil {
			return err
		}
		r.left -= looked
		if err := r.scan(ctx, some); err != nil {
			return err
		}
		runtime.Gosched()
	}
	return nil
}

// byRows is the part of a range that has so many rows as are looked at by a statement.
func (r *reading) byRows(ctx context.Context, g joblog.Range) (joblog.Range, int, error) {
	return r.within(ctx, g, min(r.left, stretch))
}

// byIDs is the part of a range that has so many ids.
func (r *reading) byIDs(_ context.Context, g joblog.Range) (joblog.Range, int, error) {
	some := r.first(g, stretch)
	return some, int(some.Hi-some.Lo) + 1, nil
}

// throughAll goes through the rows of all jobs: half of those that a page may
// look at by their ids, which are as dense as they are, and the others by their
// number. Where that finds little, an index of the jobs may find more.
func (r *reading) throughAll(ctx context.Context, g joblog.Range) error {
	had, may, near := len(r.events), r.left, g
	if g.Hi-g.Lo >= int64(may) {
		near = r.first(g, max(may/2, 1))
	}
	if err := r.stretches(ctx, near, r.byIDs); err != nil {
		return err
	}
	if err := r.stretches(ctx, r.rest(g), r.byRows); err != nil {
		return err
	}
	if r.more || r.faults <= 0 {
		return nil
	}
	return r.walk(ctx, r.rest(g), may/max(len(r.events)-had, 1))
}

// within is the part of a range that has no more rows than most, and how many it
// has, at most. It ends at a row that cannot be read.
func (r *reading) within(ctx context.Context, g joblog.Range, most int) (some joblog.Range, n int, err error) {
	if g.Hi-g.Lo < int64(most) {
		return g, int(g.Hi-g.Lo) + 1, nil
	}
	var lo, hi int64
	args := []any{r.q.Job, g.Lo, g.Hi, most}
	look := func(g joblog.Range) error {
		args[1], args[2] = g.Lo, g.Hi
		return each(ctx, r.tx, r.beyond, args, func(scan scanner) error { return scan(&n, &lo, &hi) })
	}
	if err = look(g); r.faulty(ctx, r.tx, r.beyond, args, err) {
		lo, err = culprit(g, r.q.Last, look)
		n, hi = most, lo
	}
	if n == most && r.q.Last {
		g.Lo = lo
	} else if n == most {
		g.Hi = hi
	}
	return g, n, err
}

// scan reads the rows of a range.
func (r *reading) scan(ctx context.Context, g joblog.Range) error {
	r.begin(g)
	for rest := g; rest.Lo <= rest.Hi && !r.more && r.faults > 0; rest = r.rest(g) {
		n, limit := 0, r.rows-len(r.events)+1
		args := r.args(rest, limit)
		err := r.read(ctx, r.query, args, &n)
		switch {
		case err != nil && !r.faulty(ctx, r.tx, r.query, args, err):
			return err
		case err != nil:
			if err := r.mend(ctx, r.rest(rest), err); err != nil {
				return err
			}
		case !r.more && n < limit:
			r.end(g)
		}
	}
	return nil
}

// read runs a statement of rows of the job, and counts them.
func (r *reading) read(ctx context.Context, query string, args []any, n *int) error {
	return each(ctx, r.tx, query, args, func(scan scanner) error {
		if *n++; *n%128 == 0 {
			runtime.Gosched() // as in stretches
		}
		return r.add(scan, r.q.Job)
	})
}

// walk finds rows by an index of jobs that is not in the order of ids. It looks at
// all entries of the job, so it is of use only if these are fewer than the rows of
// all jobs that it saves to look at: apart, from one row of the job to the next.
func (r *reading) walk(ctx context.Context, g joblog.Range, apart int) error {
	if r.path != byJob || g.Lo > g.Hi {
		return nil
	}
	limit := r.rows - len(r.events) + 1
	may, n := min(apart*limit, longWalk), 0
	args := []any{r.q.Job, may + 1}
	err := each(ctx, r.tx, r.mine, args, func(scan scanner) error { return scan(&n) })
	if n > may || r.faulty(ctx, r.tx, r.mine, args, err) {
		return nil // what is bad is found by the ids
	} else if err != nil {
		return err
	}
	var ids []int64
	args = append([]any{r.q.Job, g.Lo, g.Hi, limit}, r.filter...)
	err = each(ctx, r.tx, r.ids, args, func(scan scanner) error {
		var id int64
		err := scan(&id)
		ids = append(ids, id)
		return err
	})
	if r.faulty(ctx, r.tx, r.ids, args, err) {
		return nil
	} else if err != nil {
		return err
	}
	if err := r.list(ctx, ids); err != nil || r.more || r.faults <= 0 || len(ids) == limit {
		return err
	}
	r.end(g)
	return nil
}

// list reads rows by their ids.
func (r *reading) list(ctx context.Context, ids []int64) error {
	b, err := json.Marshal(ids)
	if err != nil || len(ids) == 0 {
		return err
	}
	n, args := 0, []any{r.q.Job, string(b)}
	err = r.read(ctx, r.listed, args, &n)
	if !r.faulty(ctx, r.tx, r.listed, args, err) {
		return err
	}
	at := slices.Index(ids, r.at) + 1 // after the last that was read
	for _, id := range ids[at:] {
		if r.more || r.faults <= 0 {
			break
		}
		if err := r.scan(ctx, joblog.Range{Lo: id, Hi: id}); err != nil {
			return err
		}
	}
	return nil
}
