package postgres

import (
	"context"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

const (
	tickRows   = 5000 // of each part of a tick
	filterJobs = 1000 // watched jobs up to which the database filters rows by them
)

// found is what the statements of a tick found.
type found struct {
	events []joblog.Event
	fills  []int64       // ids of holes that are visible, ascending
	gaps   joblog.Ranges // ids above n that were passed over
	n      int64         // how far rows go
	states map[string]string
	places places // of the jobs asked for that go on
	parts  []part // of the rows that were looked for where they were
	cut    bool   // a bound ended it: states do not count
	full   bool   // a bound ended the fills
	marks  []mark
	locks  *locks
}

// read makes the two statements of a tick, the second after the first.
func (t *tail) read(ctx context.Context, pool *pgxpool.Pool, l *layout, w joblog.Watch, probed []int) (*found, error) {
	f := &found{states: map[string]string{}, places: places{}}
	ids, staying := t.readable(t.ends.asked(w)), []string(nil)
	if !l.placed {
		clear(t.places) // they were, before the layout was read again
	}
	if !t.moved { // else by id, all at once: rows that change all the time must not make one tick follow another
		ids, staying = t.places.split(ids)
	}
	kind := tailKind{filter: len(w.Jobs) <= filterJobs, holes: len(probed) > 0, places: len(staying) > 0}
	above := t.n
	if t.stalled {
		above = math.MaxInt64
	}
	args := []any{above, tickRows, []string(nil), l.canonicals(l.jobsType, ids), l.terminal, l.placed}
	if kind.filter {
		args[2] = l.canonicals(l.jobType, keys(w.Jobs))
	}
	if kind.holes {
		lows, highs := split(t.holes.pick(probed))
		args = append(args, lows, highs)
	}
	if kind.places {
		args = append(args, t.places.at(staying))
	}
	batch := new(pgx.Batch)
	batch.Queue(l.tail[kind], args...).Query(func(rows pgx.Rows) error { return f.scan(rows, l, w.Jobs) })
	f.locks = l.queueLocks(batch)
	err := pool.SendBatch(ctx, batch).Close()
	if faulty(err) {
		return t.sift(ctx, pool, l, w, probed)
	}
	if t.stalled {
		f.n, f.cut = 0, true
	}
	if err != nil {
		return nil, err
	}
	t.places.learn(ids, f.places, w.Jobs)
	t.moved = !t.places.verify(staying, f.parts)
	return f, nil
}

// queueLocks asks for the lock holders, after what is in the batch.
func (l *layout) queueLocks(batch *pgx.Batch) *locks {
	k := new(locks)
	batch.Queue(l.locks, l.relations).QueryRow(func(r pgx.Row) error {
		err := r.Scan(&k.server, &k.backend, &k.table, &k.storage, &k.standby, &k.now, &k.newest, &k.xmin, &k.xmax, &k.writers)
		k.blind = k.standby || l.blind
		return err
	})
	return k
}

// place notes where the row of a job is that goes on.
func (f *found) place(job string, at pgtype.Text, digest int64) error {
	if !at.Valid {
		return nil // it is not a table's
	}
	p := place{digest: digest}
	err := p.at.Scan(at.String)
	f.places[job] = p
	return err
}

func (l *layout) canonicals(typ string, ids []string) []string {
	out := make([]string, 0, len(ids))
	for _, id := range ids {
		if c, ok := canonical(typ, id); ok {
			out = append(out, c)
		}
	}
	return out
}

func (f *found) scan(rows pgx.Rows, l *layout, jobs map[string]struct{}) error {
	var kind string
	var fill, watched bool
	var job *string
	var cut, fills, news, prev int64
	e, columns := scanner()
	to := append([]any{&kind, &e.ID, &fill, &watched, &job}, append(columns, &prev, &cut, &fills, &news)...)
	_, err := pgx.ForEachRow(rows, to, func() error {
		switch kind {
		case "state":
			if watched {
				f.states[*job] = word(e.sev.String)
				return nil
			}
			return f.place(*job, e.sev, prev)
		case "part":
			f.parts = append(f.parts, part{rows: cut, digest: prev})
			return nil
		case "mark":
			f.marks = append(f.marks, mark{id: e.ID, digest: prev, whole: watched})
			return nil
		case "sum":
			f.n = e.ID
			f.full = fills == tickRows || cut > 0 && fills > 0
			f.cut = f.full || cut > 0 || news == tickRows
			return nil
		}
		if fill {
			f.fills = append(f.fills, e.ID)
		} else if e.ID > prev+1 {
			f.gaps = append(f.gaps, joblog.Range{Lo: prev + 1, Hi: e.ID - 1})
		}
		if watched && job != nil {
			if _, ok := jobs[*job]; ok {
				f.events = append(f.events, l.event(e, *job))
			}
		}
		return nil
	})
	return err
}
