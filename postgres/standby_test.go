package postgres

import (
	"context"
	"errors"
	"math"
	"net/url"
	"testing"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// pair is an application on a primary, and a tail of the standby.
type pair struct {
	primary, standby *testdb.Server
	*app
	store *Store
	f     *follower
}

func newPair(t *testing.T, version string) *pair {
	t.Helper()
	primary := testdb.Start(t, version)
	standby := primary.Standby(t)
	p := &pair{primary: primary, standby: standby, app: newApp(t, primary.Database(t), appSchema)}
	p.setJob(t, "job", "running")
	standby.CatchUp(t, primary)
	p.store = opened(t, standby.Mirror(p.dsn))
	p.f = follow(t, p.store)
	return p
}

// replayed lets the standby catch up, and its clock, which is that of the last
// commit it has replayed.
func (p *pair) replayed(t *testing.T) {
	t.Helper()
	p.exec(t, `SELECT pg_current_xact_id()`)
	p.standby.CatchUp(t, p.primary)
}

// TestStandby follows a standby, which does not know who holds locks: late rows
// come, and holes close, but not before the transactions have ended that began
// in the first seconds after.
func TestStandby(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			p := newPair(t, version)
			// The first takes an id now and a transaction's only later.
			open, burnt := p.begin(t), p.begin(t)
			var late int64
			if err := open.QueryRow(t.Context(), `SELECT nextval('vibe_events_event_id_seq')`).Scan(&late); err != nil {
				t.Fatal(err)
			}
			insertIn(t, burnt)
			p.insert(t, "job", joblog.Event{Message: "at once"})
			p.replayed(t)
			p.f.until("the row", func() bool { return len(p.f.got) == 1 })
			if _, err := open.Exec(t.Context(), `INSERT INTO vibe_events (event_id, task_id, event_message) VALUES ($1, 'job', 'late')`, late); err != nil {
				t.Fatal(err)
			}
			if err := burnt.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			for range 3 {
				p.replayed(t)
				p.f.grow(2 * blindWait)
				p.f.mustTick()
			}
			if p.f.tail.Position().Covers(late) {
				t.Fatal("the id of an open transaction is given up")
			}
			if err := open.Commit(t.Context()); err != nil {
				t.Fatal(err)
			}
			p.f.until("the late row", func() bool { return len(p.f.got) == 2 })
			p.replayed(t)
			p.f.until("no holes", func() bool {
				p.f.grow(2 * blindWait)
				return len(p.f.tail.Position().Holes) == 0
			})
			p.f.compare(p.app, 0)
			if newest, err := p.store.Newest(t.Context()); err != nil || newest != math.MaxInt64 {
				t.Errorf("the newest id of a standby, which may lag, is %d, %v", newest, err)
			}
			if err := p.store.Listen(t.Context(), watchingJob, func(string) {}); err == nil {
				t.Error("a standby is listened to")
			}
		})
	}
}

// TestPromotion promotes a standby that is followed: what it had is kept, and
// rows of a prepared transaction come when it ends.
func TestPromotion(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			p := newPair(t, version)
			prepared, lost := p.begin(t), p.begin(t)
			insertIn(t, prepared)
			insertIn(t, lost)
			if _, err := prepared.Exec(t.Context(), `PREPARE TRANSACTION 'two'`); err != nil {
				t.Fatal(err)
			}
			_ = prepared.Rollback(context.Background())
			p.insert(t, "job", joblog.Event{Message: "before"})
			p.replayed(t)
			p.f.until("the row before", func() bool { return len(p.f.got) == 1 })
			p.primary.Kill9(t)
			p.standby.Promote(t)
			after := newApp(t, p.standby.Mirror(p.dsn), "SELECT 1")
			for range 3 {
				p.f.mustTick()
			}
			if n := len(p.f.tail.Position().Holes); n != 1 {
				t.Errorf("after the promotion there are %d holes, want that of the prepared transaction", n)
			}
			after.exec(t, `COMMIT PREPARED 'two'`)
			after.insert(t, "job", joblog.Event{Message: "after"})
			p.f.until("all rows", func() bool { return len(p.f.got) == 3 })
			p.f.compare(after, 0)
			p.f.until("no holes", func() bool { return len(p.f.tail.Position().Holes) == 0 })
		})
	}
}

// TestLostCommits fails over to a standby that lacks the newest rows.
func TestLostCommits(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			primary := testdb.Start(t, version)
			standby := primary.Standby(t)
			a := newApp(t, primary.Database(t), appSchema)
			a.setJob(t, "job", "running")
			a.insert(t, "job", joblog.Event{Message: "kept"})
			standby.CatchUp(t, primary)
			standby.Kill9(t)
			f := follow(t, opened(t, eitherOf(t, a.dsn, standby.Mirror(a.dsn))))
			a.insert(t, "job", make([]joblog.Event, 100)...)
			f.mustTick()
			primary.Kill9(t)
			standby.Restart(t)
			standby.Promote(t)
			f.until("the gap", func() bool { return errors.Is(f.last, joblog.ErrRewound) })
		})
	}
}

// eitherOf is a DSN that names two servers, of which the one that takes writes
// is used.
func eitherOf(t *testing.T, one, other string) string {
	t.Helper()
	u, err := url.Parse(one)
	if err != nil {
		t.Fatal(err)
	}
	v, err := url.Parse(other)
	if err != nil {
		t.Fatal(err)
	}
	u.Host += "," + v.Host
	return u.String() + "&target_session_attrs=read-write"
}

// TestCrashForgetsIDs kills a server that has given out ids of which nothing is
// on disk: it gives them out again, and nothing that anybody saw is lost.
func TestCrashForgetsIDs(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			server := testdb.Start(t, version, "wal_writer_delay=10s")
			a := newApp(t, server.Database(t), appSchema)
			a.setJob(t, "job", "running")
			f := follow(t, opened(t, a.dsn))
			a.insert(t, "job", joblog.Event{Message: "before"})
			if _, err := a.begin(t).Exec(t.Context(), `SELECT nextval('vibe_events_event_id_seq') FROM generate_series(1, 1000)`); err != nil {
				t.Fatal(err)
			}
			f.mustTick()
			server.Kill9(t)
			server.Restart(t)
			a.pool.Reset()
			if ids := a.insert(t, "job", joblog.Event{Message: "after"}); len(ids) != 1 || ids[0] > 100 {
				t.Errorf("the row after the crash has the id %v: the ids were not forgotten", ids)
			}
			f.until("the row after", func() bool { return len(f.got) == 2 || errors.Is(f.last, joblog.ErrRewound) })
			f.compare(a, 0)
		})
	}
}
