package oracle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// scenario is one seed's: its jobs, and who writes and watches.
type scenario struct {
	*world
	*ground
	seed     int64
	early    bool // jobs end beside transactions that have rows of theirs
	ordinary bool // the load is ordinary, and there are no faults
	length   time.Duration
	jobs     []*job
	stop     context.Context // ends when the writers are to finish
	done     chan struct{}   // closed when all jobs have ended
}

// newScenario decides what kind of a scenario a seed has.
func newScenario(w *world, seed int64) *scenario {
	s := &scenario{world: w, seed: seed, done: make(chan struct{})}
	r := s.random(0)
	s.ground = w.grounds[max(0, r.IntN(len(w.grounds)+2)-2)]
	s.early = s.ground.early && r.IntN(2) == 0
	s.length = time.Duration(400+r.IntN(800)) * time.Millisecond
	for i := range 2 + r.IntN(4) {
		s.jobs = append(s.jobs, &job{name: fmt.Sprintf("%d-%d", seed, i), ended: make(chan struct{})})
	}
	return s
}

// kind is the kind of the scenario, for statistics.
func (s *scenario) kind() string {
	switch {
	case s.ordinary:
		return "ordinary load"
	case s.early:
		return s.name + ", early ends"
	default:
		return s.name
	}
}

// random is a stream of decisions: each who decides has one.
func (s *scenario) random(who int) *rand.Rand {
	return rand.New(rand.NewPCG(uint64(s.seed), uint64(who)))
}

// run plays a scenario, and checks what the viewers have in the end.
func (w *world) run(t *testing.T, s *scenario) {
	r, begin := s.random(1), time.Now()
	if err := s.prepare(t.Context()); err != nil {
		t.Errorf("seed %d: preparing: %v", s.seed, err)
		return
	}
	stop, cancel := context.WithTimeout(t.Context(), s.length)
	defer cancel()
	s.stop = stop
	var viewers sync.WaitGroup
	var watching []*viewer
	for i := range s.crowd(4, 7, r) {
		v := &viewer{scenario: s, name: i, job: s.jobs[r.IntN(len(s.jobs))], got: map[int64]string{}}
		watching = append(watching, v)
		viewers.Go(func() { v.watch(t.Context(), s.random(1000+i)) })
	}
	s.act(t, r)
	want, err := s.finish(t.Context(), r)
	if err != nil {
		t.Errorf("seed %d: finishing: %v", s.seed, err)
	}
	close(s.done)
	viewers.Wait()
	failed := err != nil
	for _, v := range watching {
		failed = !v.check(t, want[v.job.name]) || failed
	}
	w.count.add(s, want, watching)
	if took := time.Since(begin); took > 15*time.Second {
		t.Logf("seed %d took %v", s.seed, took)
	}
	if failed {
		t.Logf("seed %d (%s) failed; run it again by: go test ./e2e/oracle -seed %[1]d", s.seed, s.kind())
	}
}

// crowd is how many writers or viewers there are.
func (s *scenario) crowd(least, more int, r *rand.Rand) int {
	if s.ordinary {
		return 10
	}
	return least + r.IntN(more)
}

// act lets all write, end jobs and make faults, until they have done.
func (s *scenario) act(t *testing.T, r *rand.Rand) {
	var acting sync.WaitGroup
	for i := range s.crowd(4, 5, r) {
		acting.Go(func() { (&writer{scenario: s, name: i, random: s.random(2000 + i)}).write(t.Context()) })
	}
	for i, j := range s.jobs {
		acting.Go(func() {
			if err := s.end(t.Context(), j, s.random(4000+i)); err != nil {
				t.Errorf("seed %d: ending a job: %v", s.seed, err)
			}
		})
	}
	if !s.ordinary {
		acting.Go(func() { s.hurt(t, s.random(3000)) })
	}
	acting.Wait()
}

// prepare makes the jobs.
func (s *scenario) prepare(ctx context.Context) error {
	names := make([]string, len(s.jobs))
	for i, j := range s.jobs {
		names[i] = j.name
	}
	return s.insist(ctx, func(conn *pgx.Conn) error {
		_, err := conn.Exec(ctx, `INSERT INTO vibe_tasks SELECT unnest($1::text[]), 'running' ON CONFLICT DO NOTHING`, names)
		return err
	})
}

// finish ends what is left of the writers' transactions, and returns the
// messages of the jobs' rows by id.
func (s *scenario) finish(ctx context.Context, r *rand.Rand) (map[string]map[int64]string, error) {
	want := map[string]map[int64]string{}
	err := s.insist(ctx, func(conn *pgx.Conn) error {
		if err := s.settle(ctx, conn, r); err != nil {
			return err
		}
		rows, err := conn.Query(ctx, `SELECT task_id, event_id, event_message FROM vibe_events WHERE task_id LIKE $1`, fmt.Sprintf("%d-%%", s.seed))
		if err != nil {
			return err
		}
		var job, message string
		var id int64
		_, err = pgx.ForEachRow(rows, []any{&job, &id, &message}, func() error {
			if want[job] == nil {
				want[job] = map[int64]string{}
			}
			want[job][id] = message
			return nil
		})
		return err
	})
	return want, err
}

// settle ends prepared transactions, and waits for sessions whose clients are
// gone.
func (s *scenario) settle(ctx context.Context, conn *pgx.Conn, r *rand.Rand) error {
	if err := s.resolve(ctx, conn, r); err != nil {
		return err
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
