package postgres

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestOldWriter starts beside a transaction that has rows much further back
// than a tail looks: when they come, viewers get to know.
func TestOldWriter(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		a.setJob(t, "other", "running")
		open := a.begin(t)
		insertIn(t, open)
		a.exec(t, `INSERT INTO vibe_events (task_id, event_message) SELECT 'other', 'a row' FROM generate_series(1, $1)`, startBack+10)
		f := follow(t, opened(t, a.dsn))
		unconcerned := follow(t, opened(t, a.dsn))
		f.mustTick()
		others := joblog.Watch{Jobs: map[string]struct{}{"other": {}}}
		nextAll(t, unconcerned.tail, others)
		a.exec(t, `DELETE FROM vibe_events WHERE event_id < 5`) // of the others, which are no longer to be shown
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		var err error
		for range 3 {
			if err == nil {
				err = f.tick()
			}
			nextAll(t, unconcerned.tail, others)
		}
		if !errors.Is(err, joblog.ErrRewound) {
			t.Errorf("after the commit of a row far behind: %v", err)
		}
		if unconcerned.tail.(*tail).unsettled != nil {
			t.Error("the old writers are gone, and it is still not settled")
		}
	})
}

// TestOldRowsUncounted starts beside such a transaction on a table whose rows
// cannot be counted in time: the ticks go on, and when it ends viewers get to
// know that nobody knows.
func TestOldRowsUncounted(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		open := a.begin(t)
		insertIn(t, open)
		a.exec(t, `INSERT INTO vibe_events (task_id, event_message) SELECT 'job', 'a row' FROM generate_series(1, $1)`, startBack+10)
		s := opened(t, a.dsn)
		f := follow(t, s)
		err := s.use(t.Context(), func(_ context.Context, _ *pgxpool.Pool, l *layout) error {
			l.count += ` HAVING pg_sleep(60) IS NOT NULL` // as long as it takes without an index
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		f.mustTick()
		if n := f.tail.(*tail).unsettled.counts["job"]; n != uncounted {
			t.Errorf("%d rows were counted", n)
		}
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.until("the gap", func() bool { return errors.Is(f.last, joblog.ErrRewound) })
	})
}

// TestColdStart starts beside a writer on a table with many ids that were never
// used: those of the time before the writer are no holes.
func TestColdStart(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		var open int // transactions that can be
		if err := a.pool.QueryRow(t.Context(), `SELECT current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int`).Scan(&open); err != nil {
			t.Fatal(err)
		}
		rows := startOlder + 2*open
		for i := range rows {
			a.exec(t, `INSERT INTO vibe_events (event_id, task_id, event_message) VALUES ($1, 'job', 'a row')`, 2*i+1)
		}
		a.exec(t, `SELECT setval('vibe_events_event_id_seq', $1)`, 2*rows+100)
		writer := a.begin(t)
		late := insertIn(t, writer)
		a.insert(t, "job", joblog.Event{Message: "above"})
		a.exec(t, `UPDATE vibe_events SET event_time = 1 WHERE event_id < 20`) // which makes them look new
		f := follow(t, opened(t, a.dsn))
		holes := f.tail.Position().Holes
		if len(holes) == 0 || len(holes) > startOlder+open+10 || f.tail.Position().Covers(late) {
			t.Errorf("there are %d holes from %v on; the writer's is %d", len(holes), holes[:min(1, len(holes))], late)
		}
		if err := writer.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.mustTick()
		if len(f.got) != 1 || f.got[0] != late {
			t.Errorf("the rows %v came, want %d", f.got, late)
		}
	})
}

// TestColdStartBesideOld starts beside a writer and after the commit of a
// transaction that is much older, and has a row above the writer's: it does not
// make the writer's look old.
func TestColdStartBesideOld(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		old, writer := a.begin(t), a.begin(t)
		insertIn(t, old)
		for range startOlder + 100 {
			a.exec(t, insertRow)
		}
		late := insertIn(t, writer)
		insertIn(t, old)
		if err := old.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		f := follow(t, opened(t, a.dsn))
		if p := f.tail.Position(); p.Covers(late) {
			t.Errorf("the position %s covers the row %d of an open transaction", p, late)
		}
		if err := writer.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.mustTick()
		if len(f.got) != 1 || f.got[0] != late {
			t.Errorf("the rows %v came, want %d", f.got, late)
		}
	})
}

// TestColdStartOfPartitions starts beside a writer of a partitioned table.
func TestColdStartOfPartitions(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `DROP TABLE vibe_events; CREATE TABLE vibe_events (event_id bigserial, task_id text NOT NULL, event_message text NOT NULL, severity text, event_time bigint,
			PRIMARY KEY (event_id)) PARTITION BY RANGE (event_id);
			CREATE TABLE one PARTITION OF vibe_events FOR VALUES FROM (0) TO (3); CREATE TABLE rest PARTITION OF vibe_events DEFAULT`)
		a.setJob(t, "job", "running")
		open := a.begin(t)
		late := insertIn(t, open)
		a.insert(t, "job", make([]joblog.Event, 5)...)
		f := follow(t, opened(t, a.dsn))
		if f.tail.Position().Covers(late) {
			t.Errorf("the position %s covers a row of an open transaction", f.tail.Position())
		}
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.mustTick()
		if len(f.got) != 1 || f.got[0] != late {
			t.Errorf("the rows %v came, want %d", f.got, late)
		}
	})
}
