package postgres

import (
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// watchingJob is a joblog.Watching of somebody who watches the job for ever.
func watchingJob() (jobs []string, changed <-chan struct{}) { return []string{"job"}, nil }

// TestListenCut ends Listen's connection: it returns, and says why.
func TestListenCut(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		s := opened(t, a.dsn)
		hints, ended := make(chan struct{}, 100), make(chan error, 1)
		go func() { ended <- s.Listen(t.Context(), watchingJob, func(string) { hints <- struct{}{} }) }()
		<-hints // it listens
		a.exec(t, `NOTIFY caddyjobs`)
		<-hints
		a.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caddyjobs listener' AND datname = current_database()`)
		if err := <-ended; err == nil {
			t.Error("Listen ended without an error")
		}
		off := opened(t, a.dsn, func(d *Driver) { d.Notify = notifyOff })
		if err := off.Listen(t.Context(), watchingJob, func(string) {}); !errors.Is(err, joblog.ErrUnsupported) {
			t.Errorf("with notify off: %v", err)
		}
	})
}

// TestListenMute has a listener's connection on which nothing passes any more,
// and which nobody closes: Listen notices.
func TestListenMute(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		through, mute := muteable(t, a.dsn)
		s := opened(t, a.dsn, func(d *Driver) { d.ListenDSN = through })
		s.beat = 50 * time.Millisecond
		hints, ended := make(chan struct{}, 10_000), make(chan error, 1)
		go func() { ended <- s.Listen(t.Context(), watchingJob, func(string) { hints <- struct{}{} }) }()
		for range 5 { // beats that find it alive
			<-hints
		}
		mute.Store(true)
		if err := <-ended; !errors.Is(err, errDeaf) {
			t.Errorf("Listen ended with %v", err)
		}
	})
}

// muteable is a DSN that leads through a relay, which passes nothing on while
// it is mute.
func muteable(t *testing.T, dsn string) (through string, mute *atomic.Bool) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target, running := u.Host, new(sync.WaitGroup)
	u.Host, mute = l.Addr().String(), new(atomic.Bool)
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(muted{to, mute}, from)
		_, _ = to.Close(), from.Close()
	}
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
			running.Go(func() { pass(server, client) })
			running.Go(func() { pass(client, server) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		running.Wait() // both ends are closed by then
	})
	return u.String(), mute
}

// muted swallows what is written while mute is set.
type muted struct {
	io.Writer
	mute *atomic.Bool
}

func (m muted) Write(b []byte) (int, error) {
	if m.mute.Load() {
		return len(b), nil
	}
	return m.Writer.Write(b)
}

// TestTriggerLater installs the hints while somebody listens: they are used.
func TestTriggerLater(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		s := opened(t, a.dsn)
		s.beat = 20 * time.Millisecond
		hints, ended := make(chan struct{}, 10_000), make(chan error, 1)
		go func() { ended <- s.Listen(t.Context(), watchingJob, func(string) { hints <- struct{}{} }) }()
		for range 3 {
			<-hints
		}
		script, err := s.cfg.Schema()
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range statementsOf(script) {
			a.exec(t, statement)
		}
		await(t, "the announcement", func() bool {
			var n int
			err := a.pool.QueryRow(t.Context(), `SELECT count(*) FROM caddyjobs_watch WHERE job = 'job'`).Scan(&n)
			return err == nil && n == 1
		})
		if err := s.Close(); err != nil {
			t.Error(err)
		}
		if err := <-ended; err == nil {
			t.Error("Listen ended without an error")
		}
	})
}
