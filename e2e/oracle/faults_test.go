package oracle

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync"
	"testing"
	"time"
)

// hurt makes some of the faults there are, at some time.
func (s *scenario) hurt(t *testing.T, r *rand.Rand) {
	for range r.IntN(4) {
		pause(s.stop, time.Duration(r.IntN(400))*time.Millisecond)
		s.fault(t, r)
	}
}

func (s *scenario) fault(t *testing.T, r *rand.Rand) {
	node, ground := s.nodes[r.IntN(2)], s.ground
	var kind string
	switch n := r.IntN(34); {
	case s.calm && n < 20:
		kind = "idle sessions of readers ended"
		s.alone(&ground.faults, func() {
			s.terminateIdle(t)
			s.callAll(t)
		})
	case s.file && n < 20:
		kind = "checkpoint"
		s.checkpoint(t)
	case n < 8:
		kind = "sessions of readers ended"
		s.terminate(t, "caddyjobs", 100)
	case n < 14:
		kind = "listeners cut"
		s.terminate(t, "caddyjobs listener", 100)
	case n < 20:
		kind = "a writer's session ended"
		s.terminate(t, s.app(), 1)
	case n < 26:
		kind = "config reloaded"
		s.alone(&node.faults, func() { node.reload(t, 1+r.IntN(5)) })
	case n < 28:
		kind = "node killed"
		s.alone(&node.faults, func() {
			node.kill(t)
			pause(t.Context(), time.Duration(r.IntN(300))*time.Millisecond)
			node.start(t)
		})
	case n < 32:
		kind = "all viewers left"
		s.alone(&ground.faults, func() {
			s.door.shut(func() { pause(t.Context(), linger+time.Duration(100+r.IntN(200))*time.Millisecond) })
		})
	case s.kills:
		kind = "Postgres killed"
		s.alone(&ground.faults, func() {
			s.server.Kill9(t)
			pause(t.Context(), time.Duration(r.IntN(300))*time.Millisecond)
			s.server.Restart(t)
		})
	default:
		return
	}
	s.count.fault(kind)
}

// alone makes a fault beside no other of the same thing, unless the writers
// have finished meanwhile.
func (s *scenario) alone(thing *sync.Mutex, fault func()) {
	thing.Lock()
	defer thing.Unlock()
	if s.stop.Err() == nil {
		fault()
	}
}

// terminate ends at most so many sessions of a name.
func (s *scenario) terminate(t *testing.T, name string, most int) {
	err := s.insist(t.Context(), func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = $1 AND pid <> pg_backend_pid() ORDER BY pid LIMIT $2`, name, most)
		return err
	})
	if err != nil {
		t.Errorf("ending sessions of %s: %v", name, err)
	}
}
