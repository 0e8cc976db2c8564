package postgres

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/storetest"
)

// TestPgBouncer reads through a pooler that shares sessions: by polling, unless
// there is another way to listen.
func TestPgBouncer(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		pooled := testdb.PgBouncer(t, a.dsn)
		s := opened(t, pooled)
		tails := []*follower{follow(t, s), follow(t, opened(t, pooled)), follow(t, opened(t, pooled))}
		open := a.begin(t)
		insertIn(t, open)
		for range 50 {
			a.insert(t, "job", joblog.Event{Message: "a row"})
			for _, f := range tails {
				f.mustTick()
			}
		}
		if err := open.Commit(t.Context()); err != nil {
			t.Fatal(err)
		}
		if ids, err := s.Append(t.Context(), joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "ours"}}, Key: "k"}); err != nil || len(ids) != 1 {
			t.Errorf("appending: %v, %v", ids, err)
		}
		for _, f := range tails {
			f.mustTick()
			f.compare(a, 0)
		}
		if err := s.Listen(t.Context(), watchingJob, func(string) {}); !errors.Is(err, errDeaf) {
			t.Errorf("listening through the pooler: %v", err)
		}
		direct := opened(t, pooled, func(d *Driver) { d.ListenDSN = a.dsn })
		hints, ended := make(chan string, 100), make(chan error, 1)
		go func() { ended <- direct.Listen(t.Context(), watchingJob, func(job string) { hints <- job }) }()
		<-hints // it listens
		a.exec(t, `NOTIFY caddyjobs, 'job'`)
		if job := <-hints; job != "job" {
			t.Errorf("the hint is of %q", job)
		}
		if err := direct.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err == nil {
			t.Error("Listen ended without an error")
		}
	})
}

// TestLaxPooler reads through a pooler that takes settings and drops them: the
// store finds out, and the application's sessions stay as they were.
func TestLaxPooler(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		pooled := testdb.PgBouncer(t, a.dsn, "ignore_startup_parameters = "+strings.Join(keys(settings), ","))
		through := newApp(t, pooled, "SELECT 1")
		s := opened(t, pooled)
		f := follow(t, s)
		late := time.Now().Add(patience)
		for i := 0; !s.shared.Load() && time.Now().Before(late); i++ {
			var calls sync.WaitGroup // at once, so that they meet in sessions
			for range 4 {
				calls.Go(func() { _, _ = s.Jobs(t.Context(), anyones("job")) })
			}
			_ = f.tick() // fails when a statement is another session's
			calls.Wait()
		}
		if !s.shared.Load() {
			t.Fatal("it is not noticed that sessions are shared")
		}
		a.insert(t, "job", joblog.Event{Message: "a row"})
		f.until("the row", func() bool { return len(f.got) == 1 })
		for range 20 { // in whatever session
			if _, err := through.pool.Exec(t.Context(), `UPDATE vibe_tasks SET execution_state = 'running'`, pgx.QueryExecModeExec); err != nil {
				t.Fatalf("the application cannot write any more: %v", err)
			}
		}
	})
}

// TestPooledStore runs the suite through a pooler.
func TestPooledStore(t *testing.T) {
	server := testdb.Shared(t, "18")
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		a := newApp(t, server.Database(t), appSchema)
		pooled := testdb.PgBouncer(t, a.dsn)
		open := func(t testing.TB) joblog.Store {
			return opened(t, pooled, withOwner, func(d *Driver) { d.ListenDSN = a.dsn })
		}
		return storetest.Fixture{Store: open(t), Reopen: open, Insert: a.insert, SetJob: a.setJob, SetOwner: a.setOwner}
	})
}
