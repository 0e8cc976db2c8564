package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Bounds of one tick.
const (
	tickRows   = 5000
	tickBytes  = 4 * joblog.PageBytes
	tickScan   = 100_000 // rows of all jobs that are looked at
	tickFaults = 100     // rows that cannot be read
)

// tail follows the store. Ids ascend in the order of commits, so one id says
// all about what was seen.
type tail struct {
	store *Store
	file  os.FileInfo // ids mean something in this file only
	last  int64       // all rows up to it were seen
	mark  string      // of the row with that id; empty if there is none
	clean version     // of the database when all was seen
}

// version is a number that changes with every commit of other connections, which
// means something for one opening of the file only.
type version struct {
	of     *file
	number int64
}

// version is that of the connection that follows the store.
func (f *file) version(ctx context.Context) (v version, err error) {
	v.of = f
	return v, f.follow.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&v.number)
}

// Tail starts to follow the store. It passes over all rows that there are.
func (s *Store) Tail(ctx context.Context) (joblog.Tail, error) {
	t := &tail{store: s}
	err := s.use(ctx, func(ctx context.Context, f *file) (err error) {
		t.file = f.info
		if t.last, _, err = f.highest(ctx, f.follow, 0); err == nil {
			t.mark, err = f.markOf(ctx, f.follow, t.last)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("starting to follow the store: %w", err)
	}
	return t, nil
}

// Newest is the highest id ever given out, as far as the database knows: with
// AUTOINCREMENT that counts rows that are gone.
func (s *Store) Newest(ctx context.Context) (id int64, err error) {
	err = s.inTurn(ctx, s.lookups, func(ctx context.Context, f *file) (err error) {
		id, _, err = f.highest(ctx, f.look, 0)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reading the newest id: %w", err)
	}
	return id, nil
}

// highest is the highest id ever given out, at least 0, and the mark of the row
// with another id: what tells it from a row that is given the id later.
func (f *file) highest(ctx context.Context, q querier, other int64) (id int64, mark string, err error) {
	var value sql.NullString
	err = each(ctx, q, f.top, []any{other}, func(scan scanner) error { return scan(&id, &value) })
	return max(id, 0), value.String, err
}

// markOf is the mark of a row; empty if there is none, or it cannot be read.
func (f *file) markOf(ctx context.Context, q querier, id int64) (string, error) {
	var value sql.NullString
	err := each(ctx, q, f.mark, []any{id}, func(scan scanner) error { return scan(&value) })
	if f.faulty(ctx, q, f.mark, []any{id}, err) {
		return "", nil
	}
	return value.String, err
}

// Position is the last id seen.
func (t *tail) Position() joblog.Cursor { return joblog.Cursor{N: t.last} }

// Next reads, in one snapshot, how far ids go, the new rows of the watched
// jobs, and the states that are asked for.
func (t *tail) Next(ctx context.Context, w joblog.Watch) (tick joblog.Tick, err error) {
	var mark string
	var now version
	err = t.store.use(ctx, func(ctx context.Context, f *file) (err error) {
		if !os.SameFile(t.file, f.info) {
			return fmt.Errorf("%w: another file is in its place", joblog.ErrRewound)
		}
		if now, err = f.version(ctx); err != nil {
			return err
		}
		if now == t.clean && len(w.Ask) == 0 { // nobody has committed anything
			tick.Position, mark = t.Position(), t.mark
			return nil
		}
		p := page{rows: tickRows, bytes: tickBytes, maxMessage: t.store.maxMessage}
		err = snapshot(ctx, f.follow, func(tx *sql.Tx) (err error) {
			tick, mark, err = t.tick(ctx, f, tx, &p, w)
			return err
		})
		if err != nil {
			return err
		}
		tick.Events = p.events
		return t.store.complete(ctx, f, f.follow, &p)
	})
	if err != nil {
		return joblog.Tick{}, fmt.Errorf("following the store: %w", err)
	}
	if t.last, t.mark = tick.Position.N, mark; !tick.More {
		t.clean = now
	}
	return tick, nil
}

func (t *tail) tick(ctx context.Context, f *file, tx *sql.Tx, p *page, w joblog.Watch) (tick joblog.Tick, mark string, err error) {
	top, mark, err := f.highest(ctx, tx, t.last)
	if f.faulty(ctx, tx, f.top, []any{t.last}, err) {
		top, mark = t.last, t.mark // whatever is new is not to be seen yet
	} else if err != nil {
		return tick, mark, err
	}
	if top < t.last {
		return tick, mark, fmt.Errorf("%w: the highest id is %d, it was %d", joblog.ErrRewound, top, t.last)
	}
	if mark != "" && t.mark != "" && mark != t.mark {
		return tick, mark, fmt.Errorf("%w: the row %d is another one, so ids were given out again", joblog.ErrRewound, t.last)
	}
	reached, err := f.advance(ctx, tx, p, t.last, top, w)
	if err != nil {
		return tick, mark, err
	}
	tick = joblog.Tick{Position: joblog.Cursor{N: reached}, More: reached < top}
	if !tick.More { // else rows are left that are older than the states
		if tick.Ended, err = f.ended(ctx, tx, w.Ask, t.store.tables.Jobs.Terminal); err != nil {
			return tick, mark, err
		}
	}
	if reached != t.last {
		mark, err = f.markOf(ctx, tx, reached)
	}
	return tick, mark, err
}

// advance reads the rows of the watched jobs above last, up to top or the
// bounds of a page, and returns how far it came.
func (f *file) advance(ctx context.Context, tx *sql.Tx, p *page, last, top int64, w joblog.Watch) (int64, error) {
	if last == top || len(w.Jobs) == 0 {
		return top, nil
	}
	if top-last > tickScan {
		// Ids may be sparse: go by rows. None means that those above last are gone.
		var ahead sql.NullInt64
		err := each(ctx, tx, f.ahead, []any{last, tickScan}, func(scan scanner) error { return scan(&ahead) })
		if err != nil || !ahead.Valid {
			return top, err
		}
		top = ahead.Int64
	}
	watched, err := f.relevant(ctx, tx, last, top, w.Jobs)
	if err != nil || watched == "" {
		return top, err
	}
	p.at = last
	p.skip = func(e *joblog.Event) bool { // the column may take two texts for one
		_, ok := w.Jobs[e.Job]
		return !ok
	}
	for bad := 0; p.at < top && bad < tickFaults; bad++ {
		args := []any{p.at, top, watched, p.rows + 1}
		err := each(ctx, tx, f.tail, args, func(scan scanner) error {
			return p.add(scan, "", &p.next.Job)
		})
		switch {
		case err == nil && p.more:
			return p.at, nil
		case err == nil:
			return top, nil
		case !f.faulty(ctx, tx, f.tail, args, err):
			return last, err
		}
		if err := f.pass(ctx, tx, p, joblog.Range{Lo: p.at + 1, Hi: top}, watched, err); err != nil || p.more {
			return p.at, err
		}
	}
	return p.at, nil
}

// pass puts a placeholder for the first row of a range, at which a tick failed, if
// its job is watched, and passes it over.
func (f *file) pass(ctx context.Context, tx *sql.Tx, p *page, g joblog.Range, watched string, why error) error {
	id, err := culprit(g, false, func(g joblog.Range) error {
		return each(ctx, tx, f.tail, []any{g.Lo - 1, g.Hi, watched, 1}, func(scanner) error { return nil })
	})
	if err != nil {
		return err
	}
	job, err := f.jobOf(ctx, tx, id)
	if err != nil {
		return err
	}
	e := f.placeholder(id, job, why)
	if err := p.take(e, 0); err != nil && !errors.Is(err, errEnough) {
		return err
	}
	if !p.more {
		p.at = id
	}
	return nil
}

// relevant is a list of those of the watched jobs that may have rows above
// last, up to top; it is empty if none has. Where jobs are more than ids it is
// cheaper to see first whose rows these are than to pass all jobs on.
func (f *file) relevant(ctx context.Context, tx *sql.Tx, last, top int64, watched map[string]struct{}) (string, error) {
	if top-last >= int64(len(watched)) {
		return list(slices.Collect(maps.Keys(watched)))
	}
	var jobs []string
	err := each(ctx, tx, f.touched, []any{last, top}, func(scan scanner) error {
		var job sql.NullString
		if err := scan(&job); err != nil {
			return err
		}
		if _, ok := watched[job.String]; ok {
			jobs = append(jobs, job.String)
		}
		return nil
	})
	if f.faulty(ctx, tx, f.touched, []any{last, top}, err) {
		return list(slices.Collect(maps.Keys(watched)))
	}
	if err != nil || len(jobs) == 0 {
		return "", err
	}
	return list(jobs)
}

// ended are those of the jobs whose state is terminal.
func (f *file) ended(ctx context.Context, tx *sql.Tx, jobs, terminal []string) (map[string]string, error) {
	if len(jobs) == 0 {
		return nil, nil
	}
	ends, err := list(slices.Clone(terminal))
	if err != nil {
		return nil, err
	}
	ended := map[string]string{}
	return ended, f.putEnded(ctx, tx, jobs, ends, ended)
}

// putEnded puts into a map those of the jobs that have ended, by a list of states.
// Where one cannot be read, it is found by halving.
func (f *file) putEnded(ctx context.Context, tx *sql.Tx, jobs []string, ends string, ended map[string]string) error {
	asked, err := list(slices.Clone(jobs))
	if err != nil {
		return err
	}
	err = each(ctx, tx, f.states, []any{asked, ends}, func(scan scanner) error {
		var job, state string
		if err := scan(&job, &state); err != nil {
			return err
		}
		ended[job] = state
		return nil
	})
	switch {
	case !f.faulty(ctx, tx, f.states, []any{asked, ends}, err):
		return err
	case len(jobs) == 1:
		f.tell("the state of a job cannot be read", "job", jobs[0], "error", err)
		return nil
	}
	half := len(jobs) / 2
	return errors.Join(f.putEnded(ctx, tx, jobs[:half], ends, ended), f.putEnded(ctx, tx, jobs[half:], ends, ended))
}
