package oracle

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"
)

// clerk is a writer of a database of SQLite.
type clerk struct {
	*scenario
	name   int
	random *rand.Rand
	serial int
}

var errRollback = errors.New("this transaction is rolled back")

// write writes transactions until the scenario stops.
func (c *clerk) write(ctx context.Context) {
	db, err := c.database()
	if err != nil {
		return
	}
	defer db.Close()
	for c.stop.Err() == nil && ctx.Err() == nil {
		if err := c.transaction(ctx, db); err == nil {
			c.serial++
		}
		pause(c.stop, time.Duration(c.random.IntN(60))*time.Millisecond)
	}
}

// transaction writes to one of the jobs that have not ended.
func (c *clerk) transaction(ctx context.Context, db *sql.DB) error {
	j := c.jobs[c.random.IntN(len(c.jobs))]
	if !j.gate.TryRLock() {
		return nil
	}
	defer j.gate.RUnlock()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	if c.random.IntN(4) == 0 {
		return c.revise(ctx, conn, j, fmt.Sprintf("%d/%d/", c.seed, c.name), 1, c.random)
	}
	rows, rollback := []int{1, 1, 3, 300}[c.random.IntN(4)], c.random.IntN(8) == 0
	return transact(ctx, conn, func(tx *sql.Tx) error {
		for i := range 1 + c.random.IntN(rows) {
			severity := []string{"info", "info", "info", "debug"}[c.random.IntN(4)]
			if _, err := tx.ExecContext(ctx, insertOne, j.name, fmt.Sprintf("%d/%d/%d/%d", c.seed, c.name, c.serial, i), severity); err != nil {
				return err
			}
		}
		if rollback {
			c.serial++
			return errRollback
		}
		return nil
	})
}

// checkpoint empties the log of what is written ahead.
func (s *scenario) checkpoint(t *testing.T) {
	if err := s.insist(t.Context(), func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
		return err
	}); err != nil {
		t.Errorf("a checkpoint: %v", err)
	}
}
