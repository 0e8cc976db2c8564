package testdb

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Standby starts a hot standby of the server, which follows it by streaming
// replication and stops with the test. The server is restarted for it, which
// breaks its connections.
func (s *Server) Standby(t testing.TB) *Server {
	t.Helper()
	standby, err := s.standby()
	if err != nil {
		t.Fatalf("start a standby: %v", err)
	}
	t.Cleanup(standby.remove)
	return standby
}

func (s *Server) standby() (*Server, error) {
	dir, err := os.MkdirTemp("", "caddyjobs-standby-")
	if err != nil {
		return nil, err
	}
	c := &Server{bin: s.bin, dir: dir, password: s.password, account: s.account}
	if c.watchdog, err = guard(dir); err == nil {
		if err = s.copyTo(c); err == nil {
			err = c.start()
		}
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, c.logSince(0))
		c.remove()
	}
	return c, err
}

// copyTo makes c's data from those of the server, which does not run meanwhile.
func (s *Server) copyTo(c *Server) (err error) {
	if c.port, err = freePort(); err != nil {
		return err
	}
	if err := s.process.stop(syscall.SIGINT); err != nil {
		return err
	}
	if out, err := exec.Command("cp", "-a", s.data(), c.data()).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	signal := filepath.Join(c.data(), "standby.signal")
	if err := os.WriteFile(signal, nil, 0o600); err != nil {
		return err
	}
	for _, path := range []string{c.dir, signal} {
		if err := c.account.own(path); err != nil {
			return err
		}
	}
	c.settings = []string{fmt.Sprintf("primary_conninfo=host=127.0.0.1 port=%d user=postgres password=%s", s.port, s.password)}
	return s.start()
}

// Mirror is the DSN of the same database at this server.
func (s *Server) Mirror(dsn string) string {
	return s.dsn(dsn[strings.LastIndex(dsn, "/")+1 : strings.Index(dsn, "?")])
}

// CatchUp waits until a standby has replayed all that its primary has written.
func (s *Server) CatchUp(t testing.TB, primary *Server) {
	t.Helper()
	var written string
	primary.query(t, &written, `SELECT pg_current_wal_lsn()::text`)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := until(ctx, func() (done bool) {
		s.query(t, &done, `SELECT pg_last_wal_replay_lsn() >= '`+written+`'`)
		return done
	}); err != nil {
		t.Fatalf("the standby does not catch up: %v", err)
	}
}

// Promote makes a standby a primary, and returns when it takes writes.
func (s *Server) Promote(t testing.TB) {
	t.Helper()
	var done bool
	if s.query(t, &done, `SELECT pg_promote(true, 60)`); !done {
		t.Fatal("the standby was not promoted")
	}
}

// query makes a query of one value.
func (s *Server) query(t testing.TB, value any, query string) {
	t.Helper()
	if err := s.connected(func(ctx context.Context, conn *pgx.Conn) error { return conn.QueryRow(ctx, query).Scan(value) }); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}
