package store

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/feed"
	"github.com/caddyjobs/caddyjobs/joblog"
)

var errClosed = errors.New("bench: the store is closed")

// Store is a joblog.Store of rows in memory.
type Store struct {
	rows  *rows
	feed  string // empty: there is none
	reads atomic.Int64

	life  context.Context // ends with Close
	end   context.CancelFunc
	mu    sync.Mutex // of the two below
	fed   bool
	calls sync.WaitGroup // the feed's goroutine
}

func newStore(r *rows, address string) *Store {
	s := &Store{rows: r, feed: address}
	s.life, s.end = context.WithCancel(context.Background())
	return s
}

// Close ends the feed.
func (s *Store) Close() error {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.calls.Wait()
	return nil
}

// usable begins the feed, if that is yet to be done. It fails if the store is
// closed or ctx has ended.
func (s *Store) usable(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life.Err() != nil {
		return errClosed
	}
	if s.feed == "" || s.fed {
		return nil
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", s.feed)
	if err != nil {
		return fmt.Errorf("bench: listening for the feed: %w", err)
	}
	s.fed = true
	s.calls.Go(func() {
		take := func(lines []feed.Line) { s.rows.take(lines, time.Now().UnixMilli()) }
		_ = feed.Serve(s.life, l, take, s.reads.Load) // whoever feeds sees its end
	})
	return nil
}

// Jobs looks up jobs, which are nobody's.
func (s *Store) Jobs(ctx context.Context, asks []joblog.Ask) (map[joblog.Ask]joblog.Job, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	s.rows.mu.RLock()
	defer s.rows.mu.RUnlock()
	found := map[joblog.Ask]joblog.Job{}
	for _, ask := range asks {
		if !ask.AnyOwner {
			continue
		}
		if j := s.rows.jobs[ask.ID]; j != nil {
			found[ask] = joblog.Job{ID: ask.ID, State: j.state, Terminal: terminal(j.state)}
		} else if s.rows.demand {
			found[ask] = joblog.Job{ID: ask.ID, State: running}
		}
	}
	return found, nil
}

// Read returns one page of one job's log.
func (s *Store) Read(ctx context.Context, q joblog.Query) (joblog.Page, error) {
	if err := s.usable(ctx); err != nil {
		return joblog.Page{}, err
	}
	s.reads.Add(1)
	return s.rows.read(q), nil
}

// Tail starts to follow the store.
func (s *Store) Tail(ctx context.Context) (joblog.Tail, error) {
	if err := s.usable(ctx); err != nil {
		return nil, err
	}
	return &tail{store: s, last: s.rows.newest()}, nil
}

// Newest is the highest id.
func (s *Store) Newest(ctx context.Context) (int64, error) {
	return s.rows.newest(), s.usable(ctx)
}

// Listen hints at once at everything.
func (s *Store) Listen(ctx context.Context, _ joblog.Watching, hint func(job string)) error {
	if err := s.usable(ctx); err != nil {
		return err
	}
	defer s.rows.listen(hint)()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-s.life.Done():
		return errClosed
	}
}

var (
	_ joblog.Store    = (*Store)(nil)
	_ joblog.Newester = (*Store)(nil)
	_ joblog.Listener = (*Store)(nil)
)
