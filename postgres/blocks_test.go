package postgres

import (
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// keepIDs lets sessions keep ids, and makes a job.
func (a *app) keepIDs(t *testing.T) {
	t.Helper()
	a.exec(t, `ALTER SEQUENCE vibe_events_event_id_seq CACHE 20`)
	a.pool.Reset()
	a.setJob(t, "job", "running")
}

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
		a.keepIDs(t)
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

// TestCacheAltered takes the cache away from a sequence whose sessions keep ids:
// they are still waited for, and ticks do not follow each other without a pause.
func TestCacheAltered(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.keepIDs(t)
		keeper, other := a.session(t), a.session(t)
		f := follow(t, opened(t, a.dsn))
		insertBy(t, keeper)
		insertBy(t, other)
		f.mustTick()
		a.exec(t, `ALTER SEQUENCE vibe_events_event_id_seq CACHE 1`)
		a.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caddyjobs' AND datname = current_database()`)
		f.until("another look", func() bool { return f.tail.(*tail).exact })
		f.grow(time.Hour)
		if n := f.mustTick(); n > 3 {
			t.Errorf("%d ticks followed each other", n)
		}
		late := insertBy(t, keeper)
		if f.mustTick(); !slices.Contains(f.got, late) {
			t.Errorf("the rows %v came, want %d among them", f.got, late)
		}
	})
}

// TestBlocks tells which ids begin a block, whatever is known of where one ends,
// and notices when the blocks are others.
func TestBlocks(t *testing.T) {
	for _, end := range []int64{40, 100} {
		b := blocks{size: 20, end: end}
		for id, start := range map[int64]int64{1: 1, 20: 1, 21: 21, 59: 41, 141: 141, 160: 141} {
			if got := b.start(id); got != start || b.starts(id) != (id == start) {
				t.Errorf("%+v: the block of %d starts at %d, want %d", b, id, got, start)
			}
		}
	}
	b, id := blocks{}, int64(40)
	if b.change(20, &id) || b.from != 0 {
		t.Errorf("at first the blocks are %+v", b)
	}
	if id = 80; b.change(20, &id) || b.from != 0 {
		t.Errorf("two blocks later they are %+v", b)
	}
	if id = 93; !b.change(20, &id) || b.from != 93 {
		t.Errorf("after a crash they are %+v", b)
	}
	if id = 113; b.change(50, &id) || b.from != 113 {
		t.Errorf("of another size they are %+v", b)
	}
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
	a.keepIDs(t)
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
