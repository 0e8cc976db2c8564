package oracle

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// patience is how long anything may take that should come soon.
const patience = 90 * time.Second

var (
	seeds   = flag.Int("seeds", 200, "how many seeds to run; 0 for as many as there is time for")
	seed    = flag.Int64("seed", 0, "the one seed to run")
	abreast = flag.Int("abreast", 4, "how many seeds to run at a time")
)

func TestMain(m *testing.M) { testdb.Main(m) }

// TestOracle runs seeds, some at a time, on one server and two nodes.
func TestOracle(t *testing.T) {
	w := newWorld(t)
	begin := time.Now()
	first, last := begin.UnixMicro(), begin.UnixMicro()+int64(*seeds)-1
	switch {
	case *seed != 0:
		first, last = *seed, *seed
	case *seeds == 0:
		last = 1 << 62
	}
	t.Logf("seeds from %d", first)
	next := make(chan int64)
	var running sync.WaitGroup
	for range *abreast {
		running.Go(func() {
			for seed := range next {
				w.run(t, seed)
			}
		})
	}
	deadline, limited := t.Deadline()
	for s := first; s <= last && (!limited || time.Until(deadline) >= patience); s++ {
		next <- s
	}
	close(next)
	running.Wait()
	t.Logf("%s in %v", &w.count, time.Since(begin).Round(time.Second))
}

// world is what all seeds share.
type world struct {
	server *testdb.Server
	dsn    string
	nodes  [2]*node
	faults sync.Mutex // one at a time
	count  counts
}

// scenario is one seed's: its jobs, and who writes and watches.
type scenario struct {
	*world
	seed int64
	jobs []string
	stop context.Context // ends when the writers are to finish
	done chan struct{}   // closed when the jobs have ended
}

// stream of random decisions: each who decides has one.
func (s *scenario) random(who int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(s.seed), uint64(who)))
}

func (w *world) run(t *testing.T, seed int64) {
	s := &scenario{world: w, seed: seed, done: make(chan struct{})}
	r, begin := s.random(0), time.Now()
	if err := s.prepare(t.Context(), r); err != nil {
		t.Errorf("seed %d: preparing: %v", seed, err)
		return
	}
	stop, cancel := context.WithTimeout(t.Context(), time.Duration(300+r.IntN(700))*time.Millisecond)
	defer cancel()
	s.stop = stop
	var writers, viewers, faults sync.WaitGroup
	var watching []*viewer
	for i := range 4 + r.IntN(7) {
		v := &viewer{scenario: s, name: i, job: s.jobs[r.IntN(len(s.jobs))], got: map[int64]string{}}
		watching = append(watching, v)
		viewers.Go(func() { v.watch(t.Context(), s.random(1000+i)) })
	}
	for i := range 4 + r.IntN(5) {
		writers.Go(func() { (&writer{scenario: s, name: i, random: s.random(2000 + i)}).write(t.Context()) })
	}
	faults.Go(func() { s.hurt(t, s.random(3000)) })
	writers.Wait()
	faults.Wait()
	want, err := s.finish(t.Context(), r)
	if err != nil {
		t.Errorf("seed %d: finishing: %v", seed, err)
	}
	close(s.done)
	viewers.Wait()
	failed := err != nil
	for _, v := range watching {
		failed = !v.check(t, want[v.job]) || failed
	}
	w.count.add(want, watching)
	if took := time.Since(begin); took > 15*time.Second {
		t.Logf("seed %d took %v", seed, took)
	}
	if failed {
		t.Logf("seed %d failed; run it again by: go test ./e2e/oracle -seed %[1]d", seed)
	}
}

// prepare makes the jobs.
func (s *scenario) prepare(ctx context.Context, r *rand.Rand) error {
	for i := range 2 + r.IntN(4) {
		s.jobs = append(s.jobs, fmt.Sprintf("%d-%d", s.seed, i))
	}
	return s.insist(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `INSERT INTO vibe_tasks SELECT unnest($1::text[]), 'running' ON CONFLICT DO NOTHING`, s.jobs)
		return err
	})
}

// finish ends what is left of the writers' transactions, then the jobs, and
// returns the messages of their rows by id.
func (s *scenario) finish(ctx context.Context, r *rand.Rand) (map[string]map[int64]string, error) {
	want := map[string]map[int64]string{}
	err := s.insist(ctx, func(conn *pgx.Conn) error {
		if err := s.settle(ctx, conn, r); err != nil {
			return err
		}
		rows, err := conn.Query(ctx, `SELECT task_id, event_id, event_message FROM vibe_events WHERE task_id = ANY($1)`, s.jobs)
		if err != nil {
			return err
		}
		var job, message string
		var id int64
		if _, err := pgx.ForEachRow(rows, []any{&job, &id, &message}, func() error {
			if want[job] == nil {
				want[job] = map[int64]string{}
			}
			want[job][id] = message
			return nil
		}); err != nil {
			return err
		}
		_, err = conn.Exec(ctx, `UPDATE vibe_tasks SET execution_state = 'completed' WHERE task_id = ANY($1)`, s.jobs)
		return err
	})
	return want, err
}

// settle ends prepared transactions, and waits for sessions whose clients are
// gone.
func (s *scenario) settle(ctx context.Context, conn *pgx.Conn, r *rand.Rand) error {
	rows, err := conn.Query(ctx, `SELECT gid FROM pg_prepared_xacts WHERE gid LIKE $1`, fmt.Sprintf("%d-%%", s.seed))
	if err != nil {
		return err
	}
	prepared, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return err
	}
	for _, gid := range prepared {
		if _, err := conn.Exec(ctx, []string{"COMMIT", "ROLLBACK"}[r.IntN(2)]+" PREPARED '"+gid+"'"); err != nil {
			return err
		}
	}
	for left := 1; left > 0; {
		if err := conn.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()`, s.app()).Scan(&left); err != nil {
			return err
		}
		pause(ctx, time.Millisecond)
	}
	return nil
}

// app is the name of the seed's sessions.
func (s *scenario) app() string { return fmt.Sprint("oracle ", s.seed) }

// connect makes a session of the application.
func (s *scenario) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(s.dsn)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = s.app()
	config.RuntimeParams["lock_timeout"] = "200ms" // a twin of a prepared row would wait for ever
	return pgx.ConnectConfig(ctx, config)
}

// insist does it until it succeeds, on a new session each time.
func (s *scenario) insist(ctx context.Context, do func(*pgx.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		conn, err := s.connect(ctx)
		if err == nil {
			err = do(conn)
			_ = conn.Close(ctx)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		pause(ctx, 10*time.Millisecond)
	}
}

// pause lets time pass, where that is what happens in a scenario.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// counts are what the seeds came to.
type counts struct {
	mu                               sync.Mutex
	seeds, rows, deliveries, resumes int
	cursors                          []int // lengths
	faults                           map[string]int
}

func (c *counts) add(want map[string]map[int64]string, watching []*viewer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seeds++
	for _, rows := range want {
		c.rows += len(rows)
	}
	for _, v := range watching {
		c.deliveries += len(v.got)
		c.resumes += v.resumes
		c.cursors = append(c.cursors, v.cursors...)
	}
}

func (c *counts) fault(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults == nil {
		c.faults = map[string]int{}
	}
	c.faults[kind]++
}

func (c *counts) String() string {
	slices.Sort(c.cursors)
	at := func(part float64) int {
		if len(c.cursors) == 0 {
			return 0
		}
		return c.cursors[int(part*float64(len(c.cursors)-1))]
	}
	var faults []string
	for _, kind := range slices.Sorted(maps.Keys(c.faults)) {
		faults = append(faults, fmt.Sprintf("%s %d", kind, c.faults[kind]))
	}
	return fmt.Sprintf("%d seeds, %d rows, %d deliveries, %d resumes; cursors of %d bytes (median), %d (99 %%), %d (longest); faults %v",
		c.seeds, c.rows, c.deliveries, c.resumes, at(0.5), at(0.99), at(1), faults)
}
