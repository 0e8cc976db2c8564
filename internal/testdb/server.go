package testdb

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// patience is how long a server may take to start or to end.
const patience = 60 * time.Second

// Server is one PostgreSQL server, of which the tests are superuser.
type Server struct {
	bin      string // the folder of its programs
	dir      string // data, log and password file; removed in the end
	port     int    // the same for life
	password string
	account  account
	settings []string // beside those that all servers have

	process   *process
	watchdog  *watchdog
	databases atomic.Int64 // made so far, for their names
}

// create makes a server with an empty cluster, and starts it.
func create(version string, settings ...string) (*Server, error) {
	bin, err := programs(version)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "caddyjobs-postgres-"+version+"-")
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin, dir: dir, password: rand.Text(), settings: settings}
	if s.watchdog, err = guard(dir); err == nil {
		if err = s.initialize(); err == nil {
			err = s.start()
		}
	}
	if err != nil {
		err = fmt.Errorf("%w\n%s", err, s.logSince(0))
		s.remove()
		return nil, err
	}
	return s, nil
}

// initialize makes the cluster, and the password that keeps the machine's
// other users out.
func (s *Server) initialize() (err error) {
	if s.account, err = serverAccount(); err != nil {
		return err
	}
	if s.port, err = freePort(); err != nil {
		return err
	}
	password := filepath.Join(s.dir, "password")
	if err := os.WriteFile(password, []byte(s.password), 0o600); err != nil {
		return err
	}
	for _, path := range []string{s.dir, password} {
		if err := s.account.own(path); err != nil {
			return err
		}
	}
	p, err := s.launch(syscall.SIGKILL, "initdb", "--pgdata", s.data(), "--username", "postgres",
		"--auth", "password", "--pwfile", password, "--encoding", "UTF8", "--locale", "C", "--no-sync")
	if err != nil {
		return err
	}
	<-p.exited
	if _, err := os.Stat(filepath.Join(s.data(), "global", "pg_control")); err != nil {
		return fmt.Errorf("initdb made no cluster: %w", err)
	}
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// launch starts one of PostgreSQL's programs, which writes into the log.
func (s *Server) launch(atEnd syscall.Signal, program string, args ...string) (*process, error) {
	log, err := os.OpenFile(s.log(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(s.bin, program), args...)
	cmd.Dir = s.dir
	cmd.Env = []string{"LC_ALL=C", "TZ=UTC", "PATH=" + os.Getenv("PATH")}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = s.account.attributes(atEnd)
	return startProcess(cmd)
}

// start starts the postmaster and waits until it answers.
func (s *Server) start() (err error) {
	args := []string{"-D", s.data()}
	for _, setting := range []string{
		fmt.Sprintf("port=%d", s.port),
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",
		"max_connections=200",
		"max_prepared_transactions=16",
		"shared_preload_libraries=pg_stat_statements",
		"log_line_prefix=%m [%p] %q%d ",
		// What is written outlives the process in the kernel's memory.
		"fsync=off",
		"full_page_writes=off",
		// A killed server leaves nothing in /dev/shm.
		"dynamic_shared_memory_type=mmap",
	} {
		args = append(args, "-c", setting)
	}
	for _, setting := range s.settings {
		args = append(args, "-c", setting)
	}
	// If the tests die, it ends as fast as it can while tidying up.
	if s.process, err = s.launch(syscall.SIGQUIT, "postgres", args...); err != nil {
		return err
	}
	return s.awaitReady()
}

func (s *Server) awaitReady() error { return awaitAnswer(s.process, s.dsn("postgres")) }

// awaitAnswer waits until a process takes connections.
func awaitAnswer(p *process, dsn string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	var reason error
	if err := until(ctx, func() bool {
		var conn *pgx.Conn
		if conn, reason = pgx.Connect(ctx, dsn); reason == nil {
			reason = conn.Close(ctx)
			return true
		}
		return !p.running()
	}); err != nil {
		return fmt.Errorf("it is not ready after %v: %w", patience, reason)
	}
	return reason
}

// Kill9 ends all processes of the server with SIGKILL, as a crash of the
// machine would, and waits until they are gone. The test then calls Restart,
// or leaves it at that.
func (s *Server) Kill9(t testing.TB) {
	t.Helper()
	if err := s.process.kill(); err != nil {
		t.Fatalf("kill PostgreSQL: %v", err)
	}
}

// Restart stops the server if it runs, breaking its connections, starts it
// with the same data on the same port, and returns when it answers.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	err := s.process.stop(syscall.SIGINT)
	if err == nil {
		err = s.start()
	}
	if err != nil {
		t.Fatalf("restart PostgreSQL: %v\n%s", err, s.logSince(0))
	}
}

// remove stops the server and removes its data.
func (s *Server) remove() {
	if s.process != nil {
		if s.process.stop(syscall.SIGQUIT) != nil {
			_ = s.process.kill()
		}
		removeSharedMemory(s.data())
	}
	s.watchdog.bark()
}

func (s *Server) log() string { return filepath.Join(s.dir, "log") }

// logSize is the length of the log until now.
func (s *Server) logSize() int64 {
	info, err := os.Stat(s.log())
	if err != nil {
		return 0
	}
	return info.Size()
}

// logSince is the end of what has been logged since the log had a size.
func (s *Server) logSince(size int64) string {
	text, _ := os.ReadFile(s.log())
	text = bytes.TrimSpace(text[min(size, int64(len(text))):])
	return fmt.Sprintf("PostgreSQL's log ends with\n%s", text[max(0, len(text)-8000):])
}
