package postgres

import (
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestEndWaits sets a job's state while a transaction is open whose row has an
// id above all that are visible: the end comes after the row.
func TestEndWaits(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		a.insert(t, "job", joblog.Event{Message: "a row"})
		open := a.begin(t)
		insertIn(t, open)
		a.setJob(t, "job", "completed")
		f.mustTick()
		if f.end != "" {
			t.Error("the end came before the row of an open transaction")
		}
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		f.mustTick()
		if f.end != "completed" || len(f.got) != 2 {
			t.Errorf("the end is %q, after %d rows", f.end, len(f.got))
		}
		again := follow(t, opened(t, a.dsn))
		forever := a.begin(t)
		insertIn(t, forever)
		again.mustTick()
		for _, e := range again.tail.(*tail).ends {
			e.since = e.since.Add(-endWait)
		}
		again.mustTick()
		if again.end != "completed" {
			t.Errorf("after %s the end still waits for an open transaction", endWait)
		}
	})
}

// TestEndSoon ends a job where holes have to settle, or nobody tells of writers:
// the end waits for known writers, and not for ids that nobody may ever use.
func TestEndSoon(t *testing.T) {
	for name, change := range map[string]string{
		"exact": `SELECT 1`,
		"view":  `ALTER TABLE vibe_events RENAME TO leaf; CREATE VIEW vibe_events AS SELECT * FROM leaf`,
		"cache": `ALTER SEQUENCE vibe_events_event_id_seq CACHE 20`,
		"blind": `REVOKE ALL ON pg_catalog.pg_locks FROM PUBLIC`,
	} {
		t.Run(name, func(t *testing.T) {
			onVersions(t, func(t *testing.T, a *app) {
				a.setJob(t, "job", "running")
				a.exec(t, change)
				f := follow(t, opened(t, a.reader(t)))
				burnt := a.begin(t)
				insertIn(t, burnt)
				a.insert(t, "job", joblog.Event{Message: "a row"})
				f.mustTick()
				a.setJob(t, "job", "completed")
				f.mustTick()
				if e := f.tail.(*tail).ends["job"]; e == nil || f.end != "" {
					t.Fatalf("beside a writer the end is %q", f.end)
				} else {
					e.since = e.since.Add(time.Hour) // what comes now does not come by endWait
				}
				if err := burnt.Rollback(t.Context()); err != nil {
					t.Fatal(err)
				}
				f.until("the end", func() bool { return f.end == "completed" })
			})
		})
	}
}

// TestEndAfterManyHoles ends a job when more holes than a tick looks at are to
// be looked at: the end comes after the row in the last one.
func TestEndAfterManyHoles(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		const many = probeHoles + 100
		open := a.begin(t)
		a.exec(t, `SELECT setval('vibe_events_event_id_seq', $1)`, 2*many)
		insertIn(t, open)
		a.setJob(t, "job", "completed")
		f.mustTick() // the end waits for a writer
		a.exec(t, `INSERT INTO vibe_events (event_id, task_id, event_message) SELECT 2 * i, 'job', 'early' FROM generate_series(1, $1) i`, many)
		a.insert(t, "job", joblog.Event{Message: "last"})
		f.mustTick()
		if n := len(f.tail.(*tail).holes); n != many+1 {
			t.Fatalf("there are %d holes, want %d", n, many+1)
		}
		f.grow(time.Minute)
		f.mustTick()
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		for f.end == "" {
			if err := f.tick(); err != nil {
				t.Fatal(err)
			}
		}
		f.compare(a, 0)
	})
}
