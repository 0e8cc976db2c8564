package oracle

import (
	"context"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// scenario is one seed's: its jobs, and who writes and watches.
type scenario struct {
	*world
	*ground
	seed     int64
	early    bool // jobs end beside transactions that have rows of theirs
	ordinary bool // the load is ordinary, and there are no faults
	woven    bool // a long transaction takes every other id
	length   time.Duration
	jobs     []*job
	stop     context.Context // ends when the writers are to finish
	fates    fates
}

// newScenario decides what kind of a scenario a seed has.
func newScenario(w *world, seed int64) *scenario {
	s := &scenario{world: w, seed: seed}
	r := s.random(0)
	s.ground = w.grounds[max(0, r.IntN(len(w.grounds)+2)-2)]
	s.early = s.ground.early && r.IntN(2) == 0
	s.woven = !s.file && r.IntN(6) == 0
	s.length = time.Duration(400+r.IntN(800)) * time.Millisecond
	for i := range 2 + r.IntN(4) {
		j := &job{name: fmt.Sprintf("%d-%d", seed, i), ended: make(chan struct{})}
		if !s.early && !s.kills { // others may have rows of the job under way when it is deleted
			j.course = []course{straight, straight, straight, straight, straight, remade, repeated, abandoned}[r.IntN(8)]
		}
		s.jobs = append(s.jobs, j)
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
	for _, j := range s.jobs {
		if err := s.make(t.Context(), j); err != nil {
			t.Errorf("seed %d: making a job: %v", s.seed, err)
			return
		}
	}
	stop, cancel := context.WithTimeout(t.Context(), s.length)
	defer cancel()
	s.stop = stop
	var viewers sync.WaitGroup
	var watching []*viewer
	come := func(j *job) {
		v := newViewer(s, len(watching), j)
		watching = append(watching, v)
		viewers.Go(func() { v.watch(t.Context()) })
	}
	for range s.crowd(4, 7, r) {
		come(s.jobs[r.IntN(len(s.jobs))])
	}
	s.act(t, r)
	if !s.ordinary && r.IntN(4) == 0 {
		if err := s.redact(t.Context(), s.jobs[r.IntN(len(s.jobs))], r, come); err != nil {
			t.Errorf("seed %d: redacting: %v", s.seed, err)
		}
	}
	want, err := s.finish(t.Context(), r)
	if err != nil {
		t.Errorf("seed %d: finishing: %v", s.seed, err)
	}
	viewers.Wait()
	failed := err != nil
	for _, v := range watching {
		failed = !v.check(t, want[v.job.name]) || failed
	}
	w.count.sum(s, want, watching)
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
		acting.Go(func() { s.writes(t.Context(), i) })
	}
	for i, j := range s.jobs {
		acting.Go(func() {
			if err := s.end(t.Context(), t, j, s.random(4000+i)); err != nil {
				t.Errorf("seed %d: ending a job: %v", s.seed, err)
			}
		})
	}
	if !s.ordinary {
		acting.Go(func() { s.hurt(t, s.random(3000)) })
	}
	if s.woven {
		acting.Go(func() { s.weave(t.Context(), s.random(5000)) })
	}
	acting.Wait()
}

// writes has one writer write, until the scenario stops.
func (s *scenario) writes(ctx context.Context, name int) {
	r := s.random(2000 + name)
	if s.file {
		(&clerk{scenario: s, name: name, random: r}).write(ctx)
		return
	}
	(&writer{scenario: s, name: name, random: r}).write(ctx)
}

// finish ends what is left of the writers' transactions, and returns the jobs'
// rows as they are.
func (s *scenario) finish(ctx context.Context, r *rand.Rand) (map[string]table, error) {
	var want map[string]table
	err := s.insist(ctx, func(ctx context.Context, conn *sql.Conn) error {
		if err := s.settle(ctx, conn, r); err != nil {
			return err
		}
		want = map[string]table{}
		return each(ctx, conn, `SELECT task_id, event_id, event_message, severity FROM vibe_events WHERE task_id LIKE $1`, []any{fmt.Sprintf("%d-%%", s.seed)},
			func(scan func(...any) error) error {
				var job string
				var id int64
				var e entry
				if err := scan(&job, &id, &e.message, &e.severity); err != nil {
					return err
				}
				if want[job] == nil {
					want[job] = table{}
				}
				want[job][id] = e
				return nil
			})
	})
	return want, err
}

// table are the rows of a job in the end, by id.
type table map[int64]entry

type entry struct{ message, severity string }

// settle ends prepared transactions, and waits for sessions whose clients are
// gone.
func (s *scenario) settle(ctx context.Context, conn *sql.Conn, r *rand.Rand) error {
	if s.file {
		return nil
	}
	if err := s.resolve(ctx, conn, r); err != nil {
		return err
	}
	for left := 1; left > 0; {
		if err := conn.QueryRowContext(ctx, `SELECT count(*) FROM pg_stat_activity WHERE application_name = $1 AND pid <> pg_backend_pid()`, s.app()).Scan(&left); err != nil {
			return err
		}
		pause(ctx, time.Millisecond)
	}
	return nil
}

// pause lets time pass, where that is what happens in a scenario.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
