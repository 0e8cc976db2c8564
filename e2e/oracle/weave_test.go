package oracle

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"
)

// weave has a long transaction and many short ones write rows in turns, so that
// between any two that are visible there is one that is not.
func (s *scenario) weave(ctx context.Context, r *rand.Rand) {
	pause(s.stop, time.Duration(r.IntN(200))*time.Millisecond)
	long, short := &writer{scenario: s, name: 100, random: r}, &writer{scenario: s, name: 101, random: r}
	for _, w := range []*writer{long, short} {
		if w.take(); len(w.mine) == 0 {
			return
		}
		defer w.give()
		var err error
		if w.conn, err = w.open(ctx); err != nil {
			return
		}
		defer func() { _ = w.conn.Close(ctx) }()
	}
	pid := long.conn.PgConn().PID()
	if err := long.exec(ctx, "BEGIN"); err == nil {
		err = s.alternate(ctx, long, short)
		if err == nil {
			err = long.exec(ctx, []string{"COMMIT", "COMMIT", "ROLLBACK"}[r.IntN(3)])
		}
		if err != nil {
			_ = long.conn.Close(ctx)
			_ = s.gone(ctx, pid) // else it may still write
		}
	}
}

// alternate writes until there are holes enough, or the scenario stops.
func (s *scenario) alternate(ctx context.Context, long, short *writer) error {
	const most = 1200
	for i := 0; i < most && s.stop.Err() == nil; i++ {
		for _, w := range []*writer{long, short} {
			if _, err := w.conn.Exec(ctx, insertOne, w.job(), fmt.Sprintf("%d/%d/%d", s.seed, w.name, i), "info"); err != nil {
				return err
			}
		}
	}
	return nil
}
