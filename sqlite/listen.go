package sqlite

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// listenInterval is how often Listen looks. A look is a read of shared memory.
const listenInterval = 25 * time.Millisecond

// Listen hints when any connection, of whatever process, has committed.
func (s *Store) Listen(ctx context.Context, _ joblog.Watching, hint func(job string)) error {
	if err := s.listen(ctx, hint); err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	return nil
}

func (s *Store) listen(ctx context.Context, hint func(job string)) error {
	ticker := time.NewTicker(listenInterval)
	defer ticker.Stop()
	var of *file
	var last int64
	for {
		// The number means something on one connection only.
		now, f, err := s.version(ctx)
		if err != nil {
			return err
		}
		if of != nil && (f != of || now != last) {
			hint("")
		}
		of, last = f, now
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return ctx.Err()
		case <-s.life.Done():
			return fmt.Errorf("sqlite: %s: %w", s.path, errClosed)
		}
	}
}

// version is a number that changes with every commit of other connections.
func (s *Store) version(ctx context.Context) (n int64, of *file, err error) {
	err = s.use(ctx, func(ctx context.Context, f *file) error {
		of = f
		return f.watch.QueryRowContext(ctx, `PRAGMA data_version`).Scan(&n)
	})
	return n, of, err
}
