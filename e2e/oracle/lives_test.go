package oracle

import (
	"context"
	"database/sql"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// course is what becomes of a job before it ends for good.
type course int

const (
	straight  course = iota
	remade           // it is deleted while it runs, and made again
	repeated         // it ends, is deleted, and made again
	abandoned        // it is deleted for good
)

// lives are those of a job: it has another one once it was deleted.
type lives struct {
	mu      sync.Mutex
	thinned bool // rows were deleted, or updated
	count   int
	gone    time.Time           // since when it may be deleted; zero if it is there
	absent  []span              // when it may have been
	visits  map[*visit]struct{} // that go on
}

type span struct{ from, to time.Time }

// visit is one request for a job's log.
type visit struct {
	came time.Time
	life int // of the job, then or earlier
}

// open begins a visit.
func (l *lives) open() *visit {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := &visit{time.Now(), l.count}
	if l.visits == nil {
		l.visits = map[*visit]struct{}{}
	}
	l.visits[v] = struct{}{}
	return v
}

func (l *lives) close(v *visit) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.visits, v)
}

func (l *lives) life() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.count
}

// thin says that rows of the job are being deleted, or updated.
func (l *lives) thin() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.thinned = true
}

// another reports whether the job has another life than that, or may be taken for
// one that has: where the rows that a node has seen last are gone, and the job's
// state is another one, it cannot know better.
func (l *lives) another(life int) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.thinned || l.count > life
}

// leave says that the job is being deleted.
func (l *lives) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gone = time.Now()
	l.count++
}

// enter says that the job is there again.
func (l *lives) enter() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.absent = append(l.absent, span{l.gone, time.Now()})
	l.gone = time.Time{}
}

// missed reports whether who came at some time may have found no job until now.
func (l *lives) missed(came time.Time) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.absent {
		if came.Before(s.to) {
			return true
		}
	}
	return !l.gone.IsZero()
}

// watching are the visits that go on.
func (l *lives) watching() map[*visit]struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.visits)
}

// left reports whether all of some visits have ended.
func (l *lives) left(visits map[*visit]struct{}) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for v := range visits {
		if _, on := l.visits[v]; on {
			return false
		}
	}
	return true
}

// remake deletes a job, and makes it again if it is not to be gone for good.
// Nobody else writes to it.
func (s *scenario) remake(ctx context.Context, t *testing.T, j *job, r *rand.Rand, back bool) error {
	if err := s.resolved(ctx, r); err != nil {
		return err
	}
	atOnce, before := back && r.IntN(3) == 0, j.lives.watching()
	var old []row
	j.lives.leave()
	if err := s.insist(ctx, func(ctx context.Context, conn *sql.Conn) error {
		return transact(ctx, conn, func(tx *sql.Tx) (err error) {
			if old, err = rowsLike(ctx, tx, j.name, ""); err != nil {
				return err
			}
			s.fates.unsure(old...)
			statements := []string{`DELETE FROM vibe_events WHERE task_id = $1`, `DELETE FROM vibe_tasks WHERE task_id = $1`}
			if atOnce {
				statements = append(statements, makeJob)
			}
			return run(ctx, tx, []any{j.name}, statements...)
		})
	}); err != nil {
		return err
	}
	s.fates.past(0, old...) // memory belongs to one life
	s.count.add(&s.count.remade, 1)
	switch {
	case !back:
		return nil
	case !atOnce && r.IntN(3) == 0:
		s.deserted(ctx, t, j, before)
	case !atOnce:
		pause(ctx, time.Duration(r.IntN(300))*time.Millisecond)
	}
	if !atOnce {
		if err := s.make(ctx, j); err != nil {
			return err
		}
	}
	j.lives.enter()
	return nil
}

// deserted waits until the streams of a job that is deleted have ended.
func (s *scenario) deserted(ctx context.Context, t *testing.T, j *job, before map[*visit]struct{}) {
	s.count.add(&s.count.deserted, 1)
	for late := time.Now().Add(patience); !j.lives.left(before); pause(ctx, 5*time.Millisecond) {
		if time.Now().After(late) || ctx.Err() != nil {
			t.Errorf("seed %d: streams of %s, which was deleted, go on", s.seed, j.name)
			return
		}
	}
}

const makeJob = `INSERT INTO vibe_tasks (task_id, execution_state) VALUES ($1, 'running') ON CONFLICT DO NOTHING`

// make makes a job.
func (s *scenario) make(ctx context.Context, j *job) error {
	return s.insist(ctx, func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, makeJob, j.name)
		return err
	})
}
