package oracle

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// hurt makes some of the faults there are, at some time.
func (s *scenario) hurt(t *testing.T, r *rand.Rand) {
	for range r.IntN(4) {
		pause(s.stop, time.Duration(r.IntN(400))*time.Millisecond)
		s.fault(t, r)
	}
}

func (s *scenario) fault(t *testing.T, r *rand.Rand) {
	s.faults.Lock()
	defer s.faults.Unlock()
	if s.stop.Err() != nil {
		return // others' faults took too long
	}
	node := s.nodes[r.IntN(2)]
	var kind string
	switch n := r.IntN(34); {
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
		node.reload(t, 1+r.IntN(5))
	case n < 28:
		kind = "node killed"
		node.kill(t)
		pause(t.Context(), time.Duration(r.IntN(300))*time.Millisecond)
		node.start(t)
	case n < 32:
		kind = "all viewers left"
		s.door.shut(func() { pause(t.Context(), linger+time.Duration(100+r.IntN(200))*time.Millisecond) })
	case !s.kills:
		return
	default:
		kind = "Postgres killed"
		s.server.Kill9(t)
		pause(t.Context(), time.Duration(r.IntN(300))*time.Millisecond)
		s.server.Restart(t)
	}
	s.count.fault(kind)
}

// terminate ends at most so many sessions of a name.
func (s *scenario) terminate(t *testing.T, name string, most int) {
	err := s.insist(t.Context(), func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name = $1 AND pid <> pg_backend_pid() ORDER BY pid LIMIT $2`, name, most)
		return err
	})
	if err != nil {
		t.Errorf("ending sessions of %s: %v", name, err)
	}
}
