package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// call is what is done with the connections and what is known of the tables. It
// may be made twice.
type call func(context.Context, *pgxpool.Pool, *layout) error

// use makes a call. If its connection was lost it is made again on a new one,
// once, unless it may have changed something: connections are cut while they are
// idle, and all of them at once. The context it passes on ends with the store as
// well.
func (s *Store) use(ctx context.Context, do call) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	err := s.try(ctx, do)
	if again(ctx, err) {
		err = s.try(ctx, do)
	}
	if err == nil {
		return nil
	}
	if s.life.Err() != nil {
		err = errClosed
	}
	if unserved(ctx, err) && !errors.Is(err, joblog.ErrUnserved) {
		err = fmt.Errorf("%w: %w", joblog.ErrUnserved, err)
	}
	return fmt.Errorf("postgres: %w", discreet(err))
}

// try makes a call once. After a lost connection the others are not to be
// trusted; after an error of the schema the layout is not.
func (s *Store) try(ctx context.Context, do call) error {
	pool, l, err := s.acquire(ctx)
	if err == nil {
		defer s.work.Done()
		err = do(ctx, pool, l)
	}
	if is(err, "26000") || is(err, "42P05") { // a prepared statement of another session
		s.share()
	}
	if l != nil && (is(err, "42") || is(err, "0A000")) { // another schema than it was
		l.doubt.Store(true)
	}
	if pool != nil && lost(ctx, err) {
		pool.Reset()
	}
	return err
}

// ask makes a call that reads a backlog, in its turn.
func (s *Store) ask(ctx context.Context, do call) error { return s.read(ctx, s.turns.backlogs, do) }

// lookUp makes a call that reads little, in its turn.
func (s *Store) lookUp(ctx context.Context, do call) error { return s.read(ctx, s.turns.lookups, do) }

func (s *Store) read(ctx context.Context, t turn, do call) error {
	return s.inTurn(ctx, t, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		err := do(ctx, pool, l)
		if err != nil && !lost(ctx, err) && !failedToConnect(err) {
			err = fmt.Errorf("%w: %w", joblog.ErrUnserved, err) // the server lives
		}
		return err
	})
}

// inTurn is use for calls of which there may be many at once.
func (s *Store) inTurn(ctx context.Context, t turn, do call) error {
	done, err := t.take(ctx, s.life.Done())
	switch {
	case errors.Is(err, errClosed):
		return fmt.Errorf("postgres: %w", err)
	case err != nil:
		return fmt.Errorf("postgres: %w: all connections are in use: %w", joblog.ErrUnserved, err)
	}
	defer done()
	return s.use(ctx, do)
}
