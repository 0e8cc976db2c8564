package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

var (
	errClosed = errors.New("the store is closed")
	errNoFile = errors.New("this is not a file: the path of the store must name a database or a new file")
	errGone   = errors.New("the file is gone; put it back, or restart to begin a new one")
)

// Store is a joblog.Store of one database file.
//
// The file is opened by the first call that needs it, and again when another
// file has taken its place or a call failed in a way that makes the schema or
// the connections doubtful. Errors are of the call that met them; the next
// call tries anew.
type Store struct {
	path       string
	tables     tables.Tables
	maxMessage int
	busy       time.Duration
	longest    time.Duration // that a call which reads may take
	log        *slog.Logger

	life context.Context // ends with Close
	end  context.CancelFunc
	warn sync.Once

	reads   chan struct{} // holds a token for each call that reads logs
	lookups chan struct{} // … and jobs
	told    atomic.Int64  // when the log was last told of a row that cannot be read

	gate chan struct{} // holds one token while the fields below are used
	file *file         // nil if none is open
	seen bool          // the file was there once, so it is not made again
	done error         // what Close returned
}

func newStore(path string, t tables.Tables, maxMessage int, busy time.Duration, log *slog.Logger) *Store {
	life, end := context.WithCancel(context.Background())
	return &Store{
		path: path, tables: t, maxMessage: maxMessage, busy: busy, longest: longestRead, log: log,
		life: life, end: end, gate: make(chan struct{}, 1),
		reads: make(chan struct{}, readers), lookups: make(chan struct{}, lookups),
	}
}

// Close ends all calls, waits for them and closes the file. Later calls fail.
func (s *Store) Close() error {
	s.end()
	s.gate <- struct{}{}
	defer func() { <-s.gate }()
	if s.file != nil {
		s.done = s.file.close()
		s.file = nil
	}
	return s.done
}

// use calls do with the open file, again if the first call read what a dead
// writer left. The context it passes on ends with the
// store as well.
func (s *Store) use(ctx context.Context, do func(context.Context, *file) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	f, err := s.acquire(ctx)
	if err == nil {
		defer f.users.Done()
		err = f.retry(ctx, func() error { return do(ctx, f) })
		if doubtful(err) {
			f.doubt.Store(true)
		}
	}
	switch {
	case err == nil:
		return nil
	case s.life.Err() != nil:
		err = errClosed
	default:
		err = s.explain(err)
	}
	return fmt.Errorf("sqlite: %s: %w", s.path, err)
}

// acquire returns the open file and counts the caller among its users.
func (s *Store) acquire(ctx context.Context) (*file, error) {
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	// Nothing is opened after Close, whose word may not have come to ctx yet.
	if err := errors.Join(ctx.Err(), s.life.Err()); err != nil {
		return nil, err
	}
	info, err := os.Stat(s.path)
	if s.file == nil || err != nil || s.file.doubt.Load() || !os.SameFile(info, s.file.info) {
		if err := s.reopen(ctx, info, err); err != nil {
			return nil, err
		}
	}
	s.file.users.Add(1)
	return s.file, nil
}

// reopen opens the file, whose Stat gave info and stat. What was open before is
// closed first: two openings of different files by one name would share
// journals.
func (s *Store) reopen(ctx context.Context, info os.FileInfo, stat error) error {
	if s.file != nil {
		if err := s.file.leave(s.path, info, s.log); err != nil {
			s.log.Warn("closing the database", "path", s.path, "error", err)
		}
		s.file = nil
	}
	if errors.Is(stat, os.ErrNotExist) {
		if s.seen {
			return errGone
		}
		stat = create(s.path)
	} else if stat == nil && !info.Mode().IsRegular() {
		stat = errNoFile
	}
	if stat != nil {
		return stat
	}
	f, err := open(ctx, s)
	if err != nil {
		return err
	}
	s.file, s.seen = f, true
	s.warn.Do(func() {
		for _, text := range f.warnings {
			s.log.Warn(text, "path", s.path)
		}
	})
	return nil
}

var (
	_ joblog.Store       = (*Store)(nil)
	_ joblog.Appender    = (*Store)(nil)
	_ joblog.StateSetter = (*Store)(nil)
	_ joblog.Newester    = (*Store)(nil)
	_ joblog.Paced       = (*Store)(nil)
	_ joblog.Recenter    = (*Store)(nil)
	_ joblog.Remover     = (*Store)(nil)
	_ joblog.Listener    = (*Store)(nil)
)
