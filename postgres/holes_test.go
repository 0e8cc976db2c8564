package postgres

import (
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// grow makes all of a tail's holes older.
func (f *follower) grow(d time.Duration) {
	for _, s := range f.tail.(*tail).sights() {
		s.at = s.at.Add(-d)
	}
}

// mustTick ticks, and again while there is more, and returns how often.
func (f *follower) mustTick() (n int) {
	f.t.Helper()
	for more := true; more; n++ {
		tick, err := f.tail.Next(f.t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}, Ask: []string{"job"}})
		if err != nil {
			f.t.Fatal(err)
		}
		f.take(tick)
		more = tick.More
	}
	return n
}

// TestOpenTransaction leaves a transaction open: its holes are not looked at
// again and again, but at once when it ends.
func TestOpenTransaction(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		open, brief := a.begin(t), a.begin(t)
		for range 10 {
			insertIn(t, open)
			a.insert(t, "job", joblog.Event{Message: "between"})
		}
		insertIn(t, brief)
		a.insert(t, "job", joblog.Event{Message: "last"})
		f.mustTick()
		if n := len(f.tail.(*tail).probe()); n != 11 {
			t.Errorf("the next tick looks at %d holes, want the 11 young ones", n)
		}
		f.grow(time.Minute)
		f.mustTick()
		if n := len(f.tail.(*tail).probe()); n != 0 {
			t.Errorf("the next tick looks at %d holes of transactions that are open", n)
		}
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := f.mustTick(); n != 2 || len(f.got) != 21 {
			t.Errorf("after the commit there are %d rows in %d ticks, want 21 in 2", len(f.got), n)
		}
		if err := brief.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.mustTick()
		f.compare(a, 0)
		if holes := f.tail.Position().Holes; len(holes) > 0 {
			t.Errorf("the holes %v are left", holes)
		}
	})
}

// TestManyHoles has more holes than a tick looks at.
func TestManyHoles(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		const many = probeHoles + 1000
		open := a.begin(t)
		// Every other id is the open transaction's.
		if _, err := open.Exec(t.Context(), `INSERT INTO vibe_events (event_id, task_id, event_message)
			SELECT 2 * i, 'job', 'late' FROM generate_series(1, $1) i`, many); err != nil {
			t.Fatal(err)
		}
		a.exec(t, `INSERT INTO vibe_events (event_id, task_id, event_message) SELECT 2 * i + 1, 'job', 'early' FROM generate_series(1, $1) i`, many)
		a.exec(t, `SELECT setval('vibe_events_event_id_seq', $1)`, 2*many+1)
		f.mustTick()
		f.grow(time.Minute)
		f.mustTick()
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.mustTick()
		f.compare(a, 0)
	})
}

// TestBlind reads as a user who may not see who holds locks.
func TestBlind(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		dsn := a.reader(t)
		a.exec(t, `REVOKE ALL ON pg_catalog.pg_locks FROM PUBLIC`)
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, dsn))
		open, burnt := a.begin(t), a.begin(t)
		insertIn(t, open)
		insertIn(t, burnt)
		a.insert(t, "job", joblog.Event{Message: "at once"})
		f.mustTick()
		if err := burnt.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			f.grow(2 * blindWait)
			f.mustTick()
		}
		if n := len(f.tail.Position().Holes); n != 1 { // the two ids touch
			t.Errorf("beside an open transaction there are %d holes, want 1", n)
		}
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.until("the late row", func() bool { return len(f.got) == 2 })
		f.compare(a, 0)
		f.until("no holes", func() bool { return len(f.tail.Position().Holes) == 0 })
	})
}

// TestStall has more holes than are kept: the rows above wait until some close.
func TestStall(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		const many = maxHoles + 2*tickRows
		open := a.begin(t)
		if _, err := open.Exec(t.Context(), `INSERT INTO vibe_events (event_id, task_id, event_message)
			SELECT 2 * i, 'job', 'late' FROM generate_series(1, $1) i`, many); err != nil {
			t.Fatal(err)
		}
		a.exec(t, `INSERT INTO vibe_events (event_id, task_id, event_message) SELECT 2 * i + 1, 'job', 'early' FROM generate_series(1, $1) i`, many)
		a.exec(t, `SELECT setval('vibe_events_event_id_seq', $1)`, 2*many+1)
		f.mustTick()
		for range 3 {
			f.grow(time.Minute)
			f.mustTick()
		}
		if n := len(f.tail.(*tail).holes); n < maxHoles || n > maxHoles+tickRows {
			t.Errorf("there are %d holes, want at most %d and a page", n, maxHoles)
		}
		if n := len(f.got); n >= many {
			t.Errorf("%d rows came, though the tail was to wait", n)
		}
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.until("all rows", func() bool { return len(f.got) >= 2*many })
		f.compare(a, 0)
	})
}
