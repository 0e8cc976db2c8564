package testdb

import (
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// Main is the whole of a TestMain: it runs the tests, stops the shared
// servers, fails if a goroutine is left, and exits.
func Main(m *testing.M) { goleak.VerifyTestMain(tests{m}) }

// tests are those of a binary and, behind them, the end of the shared servers.
type tests struct{ *testing.M }

func (t tests) Run() int {
	defer shared.stop()
	return t.M.Run()
}

// shared are the servers of Shared, by version.
var shared servers

type servers struct {
	mu      sync.Mutex
	running map[string]*Server
}

// Shared is the test binary's common server of a major version, "14" or "18",
// which the first call starts and Main stops. A test that kills or restarts a
// server uses one of its own, from Start.
func Shared(t testing.TB, version string) *Server {
	t.Helper()
	s, err := shared.get(version)
	if err != nil {
		t.Fatalf("start PostgreSQL %s: %v", version, err)
	}
	return s
}

func (l *servers) get(version string) (*Server, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.running[version]; s != nil {
		return s, nil
	}
	s, err := create(version)
	if err != nil {
		return nil, err
	}
	if l.running == nil {
		l.running = map[string]*Server{}
	}
	l.running[version] = s
	return s, nil
}

func (l *servers) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for version, s := range l.running {
		s.remove()
		delete(l.running, version)
	}
}

// Start starts a server for one test, which stops with it. settings such as
// "fsync=on" come before those that all servers have.
func Start(t testing.TB, version string, settings ...string) *Server {
	t.Helper()
	s, err := create(version, settings...)
	if err != nil {
		t.Fatalf("start PostgreSQL %s: %v", version, err)
	}
	t.Cleanup(s.remove)
	return s
}
