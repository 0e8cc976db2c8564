package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Bounds of one tick.
const (
	tickRows  = 5000
	tickBytes = 4 * joblog.PageBytes
	tickScan  = 100_000 // rows of all jobs that are looked at
)

// tail follows the store. Ids ascend in the order of commits, so one id says
// all about what was seen.
type tail struct {
	store *Store
	file  os.FileInfo // ids mean something in this file only
	last  int64       // all rows up to it were seen
}

// Tail starts to follow the store. It passes over all rows that there are.
func (s *Store) Tail(ctx context.Context) (joblog.Tail, error) {
	t := &tail{store: s}
	err := s.use(ctx, func(ctx context.Context, f *file) (err error) {
		t.file = f.info
		t.last, err = f.highest(ctx, f.read)
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
	err = s.use(ctx, func(ctx context.Context, f *file) (err error) {
		id, err = f.highest(ctx, f.read)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("reading the newest id: %w", err)
	}
	return id, nil
}

// highest is the highest id ever given out, at least 0.
func (f *file) highest(ctx context.Context, q querier) (id int64, err error) {
	err = each(ctx, q, f.top, nil, func(scan scanner) error { return scan(&id) })
	return max(id, 0), err
}

// Position is the last id seen.
func (t *tail) Position() joblog.Cursor { return joblog.Cursor{N: t.last} }

// Next reads, in one snapshot, how far ids go, the new rows of the watched
// jobs, and the states that are asked for.
func (t *tail) Next(ctx context.Context, w joblog.Watch) (tick joblog.Tick, err error) {
	err = t.store.use(ctx, func(ctx context.Context, f *file) error {
		if !os.SameFile(t.file, f.info) {
			return fmt.Errorf("%w: another file is in its place", joblog.ErrRewound)
		}
		err := f.snapshot(ctx, func(tx *sql.Tx) (err error) {
			tick, err = t.tick(ctx, f, tx, w)
			return err
		})
		if err != nil {
			return err
		}
		return t.store.complete(ctx, f, tick.Events)
	})
	if err != nil {
		return joblog.Tick{}, fmt.Errorf("following the store: %w", err)
	}
	t.last = tick.Position.N
	return tick, nil
}

func (t *tail) tick(ctx context.Context, f *file, tx *sql.Tx, w joblog.Watch) (tick joblog.Tick, err error) {
	top, err := f.highest(ctx, tx)
	if err != nil {
		return tick, err
	}
	if top < t.last {
		return tick, fmt.Errorf("%w: the highest id is %d, it was %d", joblog.ErrRewound, top, t.last)
	}
	p := page{rows: tickRows, bytes: tickBytes, maxMessage: t.store.maxMessage}
	reached, err := f.advance(ctx, tx, &p, t.last, top, w)
	if err != nil {
		return tick, err
	}
	tick = joblog.Tick{Events: p.events, Position: joblog.Cursor{N: reached}, More: reached < top}
	if !tick.More { // else rows are left that are older than the states
		tick.Ended, err = f.ended(ctx, tx, w.Ask, t.store.tables.Jobs.Terminal)
	}
	return tick, err
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
	err = each(ctx, tx, f.tail, []any{last, top, watched, p.rows + 1}, func(scan scanner) error {
		e := new(joblog.Event)
		return p.add(scan, e, &e.Job)
	})
	if p.more {
		top = p.events[len(p.events)-1].ID
	}
	return top, err
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
	asked, err := list(slices.Clone(jobs))
	if err != nil {
		return nil, err
	}
	ends, err := list(slices.Clone(terminal))
	if err != nil {
		return nil, err
	}
	ended := map[string]string{}
	err = each(ctx, tx, f.states, []any{asked, ends}, func(scan scanner) error {
		var job, state string
		if err := scan(&job, &state); err != nil {
			return err
		}
		ended[job] = state
		return nil
	})
	return ended, err
}
