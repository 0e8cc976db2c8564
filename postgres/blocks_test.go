package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// session is a connection that the application keeps.
func (a *app) session(t *testing.T) *pgx.Conn {
	t.Helper()
	conn, err := a.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(conn.Release)
	return conn.Conn()
}

func insertBy(t *testing.T, conn *pgx.Conn) (id int64) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), insertRow).Scan(&id); err != nil {
		t.Fatal(err)
	}
	return id
}

// TestCache has sessions that keep ids, and use them long after later ones were
// seen. What they did not use below a row of theirs is given up.
func TestCache(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `ALTER SEQUENCE vibe_events_event_id_seq CACHE 20`)
		a.pool.Reset()
		a.setJob(t, "job", "running")
		one, other := a.session(t), a.session(t)
		insertBy(t, one) // before anybody watches
		insertBy(t, other)
		s := opened(t, a.dsn)
		f := follow(t, s)
		first := f.tail.Position().N
		for range 3 {
			f.mustTick()
			f.grow(time.Hour)
		}
		burn(t, one)
		want := []int64{insertBy(t, one), insertBy(t, other)}
		f.mustTick()
		if !slices.Equal(f.got, want) {
			t.Fatalf("an hour later the rows %v came, want %v", f.got, want)
		}
		f.mustTick()
		f.mustTick()
		if p := f.tail.Position(); !p.Covers(want[0]-1) || p.Covers(want[0]+1) || len(p.Holes) != 1 {
			t.Errorf("the tail is at %s, began at %d; want the rest of the first session's ids from %d on to be its only hole", p, first, want[0]+1)
		}
		f.grow(time.Hour)
		f.mustTick()
		late := insertBy(t, one)
		a.setJob(t, "job", "completed")
		f.mustTick()
		if f.end != "completed" || !slices.Contains(f.got, late) {
			t.Errorf("the job has ended as %q with the rows %v; want %d among them", f.end, f.got, late)
		}
	})
}

// burn takes an id that no row will have.
func burn(t *testing.T, conn *pgx.Conn) {
	t.Helper()
	if _, err := conn.Exec(t.Context(), `SELECT nextval('vibe_events_event_id_seq')`); err != nil {
		t.Fatal(err)
	}
}

// TestCacheLeft has very many sessions that end and leave the rests of their
// ids: the newest of those are kept.
func TestCacheLeft(t *testing.T) {
	a := newApp(t, testdb.Shared(t, "18").Database(t), appSchema)
	a.exec(t, `ALTER SEQUENCE vibe_events_event_id_seq CACHE 20`)
	a.pool.Reset()
	a.setJob(t, "job", "running")
	f := follow(t, opened(t, a.dsn))
	oldest, leaver := a.session(t), a.session(t)
	insertBy(t, oldest)
	batch := new(pgx.Batch)
	for range maxUnborn + 10 {
		batch.Queue(insertRow)
		batch.Queue(`DISCARD SEQUENCES`) // as if it had ended
	}
	if err := leaver.SendBatch(t.Context(), batch).Close(); err != nil {
		t.Fatal(err)
	}
	keeper := a.session(t)
	kept := insertBy(t, keeper)
	a.insert(t, "job", joblog.Event{Message: "above it"})
	f.mustTick()
	if n := len(f.tail.Position().Holes); n != maxUnborn+12 {
		t.Errorf("there are %d holes, want the rest of each block but the last", n)
	}
	f.grow(time.Hour)
	f.mustTick()
	f.mustTick()
	if n := len(f.tail.Position().Holes); n != maxUnborn {
		t.Errorf("an hour later there are %d holes, want %d", n, maxUnborn)
	}
	late := insertBy(t, keeper)
	if f.mustTick(); late != kept+1 || f.got[len(f.got)-1] != late {
		t.Errorf("the last row is %d, want %d", f.got[len(f.got)-1], late)
	}
}
