package postgres

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// relay passes connections on to a server, until it cuts them, or swallows what
// they carry as a firewall does that has forgotten them.
type relay struct {
	dsn string // through it

	mu    sync.Mutex
	links []*link
}

type link struct {
	client, server net.Conn
	mute           chan struct{} // closed when nothing is to come through
}

func newRelay(t *testing.T, dsn string) *relay {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target, running, r := u.Host, new(sync.WaitGroup), new(relay)
	u.Host = l.Addr().String()
	r.dsn = u.String()
	running.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", target)
			if err != nil {
				_ = client.Close()
				continue
			}
			k := &link{client, server, make(chan struct{})}
			r.mu.Lock()
			r.links = append(r.links, k)
			r.mu.Unlock()
			running.Go(func() { k.pass(server, client) })
			running.Go(func() { k.pass(client, server) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		r.cut()
		running.Wait()
	})
	return r
}

func (k *link) pass(to, from net.Conn) {
	buffer := make([]byte, 64<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-k.mute:
		default:
			_, _ = to.Write(buffer[:n])
		}
		if err != nil {
			_, _ = to.Close(), from.Close()
			return
		}
	}
}

// cut closes all connections.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.links {
		_, _ = k.client.Close(), k.server.Close()
	}
}

// forget lets nothing through the connections that there are, and tells nobody.
func (r *relay) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, k := range r.links {
		close(k.mute)
	}
	r.links = nil
}

// fill has so many connections in the pool, all of them idle.
func fill(t *testing.T, s *Store, n int) {
	t.Helper()
	err := s.use(t.Context(), func(ctx context.Context, pool *pgxpool.Pool, _ *layout) error {
		for range n {
			c, err := pool.Acquire(ctx)
			if err != nil {
				return err
			}
			defer c.Release()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// everyCall is all that can be asked of a store.
func everyCall(ctx context.Context, s *Store, tail joblog.Tail) map[string]func() error {
	watch := joblog.Watch{Jobs: map[string]struct{}{"job": {}}, Ask: []string{"job"}}
	event := []joblog.Event{{Message: "m"}}
	return map[string]func() error{
		"jobs": func() error { _, err := s.Jobs(ctx, anyones("job")); return err },
		"a page": func() error {
			_, err := s.Read(ctx, joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 100}})
			return err
		},
		"the newest": func() error { _, err := s.Newest(ctx); return err },
		"the recent": func() error { _, err := s.Recent(ctx, 10); return err },
		"a row":      func() error { _, err := s.Append(ctx, joblog.Batch{Job: "job", Events: event}); return err },
		"a row with a key": func() error {
			_, err := s.Append(ctx, joblog.Batch{Job: "job", Events: event, Key: "key"})
			return err
		},
		"a state": func() error { return s.SetState(ctx, "job", "running") },
		"a tail":  func() error { _, err := s.Tail(ctx); return err },
		"a tick":  func() error { _, err := tail.Next(ctx, watch); return err },
		"hints": func() error {
			heard, cancel := context.WithCancel(ctx)
			err := s.Listen(heard, watchingJob, func(string) { cancel() })
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return err
		},
	}
}

// TestDeadConnections has all connections die while they are idle: each call
// succeeds at its first try.
func TestDeadConnections(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			for name, die := range map[string]func(*testing.T, *app, *Store, *relay){
				"ended": func(t *testing.T, a *app, _ *Store, _ *relay) {
					a.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caddyjobs' AND datname = current_database()`)
					a.gone(t)
				},
				"idle":      func(t *testing.T, a *app, _ *Store, _ *relay) { a.gone(t) },
				"cut":       func(_ *testing.T, _ *app, _ *Store, r *relay) { r.cut() },
				"forgotten": func(_ *testing.T, _ *app, s *Store, r *relay) { s.idle = 0; r.forget() },
			} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					testDead(t, newApp(t, testdb.Shared(t, version).Database(t), appSchema), die)
				})
			}
			t.Run("restarted", func(t *testing.T) {
				t.Parallel()
				server := testdb.Start(t, version)
				testDead(t, newApp(t, server.Database(t), appSchema), func(t *testing.T, a *app, _ *Store, _ *relay) {
					server.Restart(t)
					a.pool.Reset()
				})
			})
		})
	}
}

func testDead(t *testing.T, a *app, die func(*testing.T, *app, *Store, *relay)) {
	a.setJob(t, "job", "running")
	r := newRelay(t, a.dsn)
	s := opened(t, with(r.dsn, "idle_session_timeout=500ms"))
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, do := range everyCall(t.Context(), s, tail) {
		fill(t, s, 5)
		die(t, a, s, r)
		if err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// gone waits until no connection of a store's pool is left.
func (a *app) gone(t *testing.T) {
	t.Helper()
	await(t, "all connections to be gone", func() (none bool) {
		err := a.pool.QueryRow(t.Context(), `SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'caddyjobs' AND datname = current_database()`).Scan(&none)
		return err == nil && none
	})
}

// TestLostCommit has the connection die while a batch is committed. It is stored
// again only if that cannot store it twice.
func TestLostCommit(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		a.exec(t, `CREATE SEQUENCE deaths;
			CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
				IF nextval(''deaths'') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END';
			CREATE CONSTRAINT TRIGGER die AFTER INSERT ON vibe_events DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION die()`)
		s := opened(t, a.dsn)
		calls := everyCall(t.Context(), s, nil)
		if err := calls["a row with a key"](); err != nil {
			t.Errorf("with a key: %v", err)
		}
		a.exec(t, `SELECT setval('deaths', 1, false)`)
		if err := calls["a row"](); !errors.Is(err, errUncertain) {
			t.Errorf("without a key: %v, want %v", err, errUncertain)
		}
		var rows, commits int
		if err := a.pool.QueryRow(t.Context(), `SELECT count(*), (SELECT last_value FROM deaths) FROM vibe_events`).Scan(&rows, &commits); err != nil || rows != 1 || commits != 1 {
			t.Errorf("%d rows, the one without a key in %d tries; %v", rows, commits, err)
		}
	})
}
