package postgres

import "context"

// fewest is how many connections there may be at least: one for the tail, and one
// for each kind of turn.
const fewest = 4

// turn lets calls of one kind in: one at any time, and more of them while others
// leave room.
type turn struct{ own, shared chan struct{} }

// turns are what calls wait for, so that none that reads a long log keeps the
// others from a connection. The tail, which has to keep up whoever reads, needs
// no turn.
type turns struct{ backlogs, lookups, writes turn }

func newTurns(connections int) turns {
	shared := make(chan struct{}, max(0, connections-fewest))
	kind := func() turn { return turn{own: make(chan struct{}, 1), shared: shared} }
	return turns{backlogs: kind(), lookups: kind(), writes: kind()}
}

// connections is how many are in use at most.
func (t turns) connections() int { return cap(t.backlogs.shared) + fewest }

// take waits for a turn, which ends with done. It returns errClosed, and ctx's
// error.
func (t turn) take(ctx context.Context, closed <-chan struct{}) (done func(), err error) {
	select {
	case t.own <- struct{}{}:
		return func() { <-t.own }, nil
	case t.shared <- struct{}{}:
		return func() { <-t.shared }, nil
	case <-closed:
		return nil, errClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
