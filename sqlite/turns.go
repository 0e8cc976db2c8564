package sqlite

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Calls that read wait so long for their turn, and take so long, at most. That is
// less than their callers allow, who would take the store for dead.
const (
	longestWait = 5 * time.Second
	longestRead = 8 * time.Second
)

// Pages is how many pages to read at a time: SQLite works on the processors of this
// process, of which live viewers need one.
func (s *Store) Pages() int { return min(readers, max(1, runtime.GOMAXPROCS(0)-1)) }

// inTurn is use for calls of which there may be many at once: as many as turns has
// places are served. Whoever waits too long, or takes too long, is not served; it
// is nobody else's fault, and says nothing of the file.
func (s *Store) inTurn(ctx context.Context, turns chan struct{}, do func(context.Context, *file) error) error {
	wait := time.NewTimer(longestWait)
	defer wait.Stop()
	select {
	case turns <- struct{}{}:
		defer func() { <-turns }()
	case <-wait.C:
		return fmt.Errorf("sqlite: %s: %w: all connections were in use for %s", s.path, joblog.ErrUnserved, longestWait)
	case <-s.life.Done():
		return fmt.Errorf("sqlite: %s: %w", s.path, errClosed)
	case <-ctx.Done():
		return fmt.Errorf("sqlite: %s: %w: all connections are in use: %w", s.path, joblog.ErrUnserved, ctx.Err())
	}
	bounded, cancel := context.WithTimeout(ctx, s.longest)
	defer cancel()
	err := s.use(bounded, do)
	if err != nil && bounded.Err() != nil && s.life.Err() == nil {
		return fmt.Errorf("%w: %w", joblog.ErrUnserved, err)
	}
	return err
}
