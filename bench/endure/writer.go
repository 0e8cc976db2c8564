package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/feed"
)

// writer is the application: it writes rows with SQL, and knows nothing of
// Caddy. It takes them as package feed says, those that came together in one
// transaction.
type writer struct {
	db     *sql.DB
	listen net.Listener
	fail   context.CancelCauseFunc // called with what goes wrong
	ended  chan struct{}
}

// newWriter opens a database that has its tables.
func newWriter(ctx context.Context, d database, fail context.CancelCauseFunc) (w *writer, err error) {
	w = &writer{fail: fail, ended: make(chan struct{})}
	if w.db, err = d.open(); err != nil {
		return nil, err
	}
	if w.listen, err = new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, errors.Join(err, w.db.Close())
	}
	return w, nil
}

// serve takes rows until ctx ends.
func (w *writer) serve(ctx context.Context) {
	defer close(w.ended)
	err := feed.Serve(ctx, w.listen, func(lines []feed.Line) {
		if err := w.write(ctx, lines); err != nil {
			w.fail(err)
		}
	}, func() int64 { return 0 })
	if ctx.Err() == nil {
		w.fail(err)
	}
}

func (w *writer) address() netip.AddrPort { return netip.MustParseAddrPort(w.listen.Addr().String()) }

// close waits until serve has returned.
func (w *writer) close() error {
	<-w.ended
	return w.db.Close()
}

// begin makes jobs.
func (w *writer) begin(ctx context.Context, names []string) error {
	return w.transact(ctx, func(tx *sql.Tx) error {
		for _, name := range names {
			if _, err := tx.ExecContext(ctx, `INSERT INTO vibe_tasks (task_id, execution_state) VALUES ($1, 'running')`, name); err != nil {
				return fmt.Errorf("making a job: %w", err)
			}
		}
		return nil
	})
}

func (w *writer) write(ctx context.Context, lines []feed.Line) error {
	now := time.Now().UnixMilli()
	return w.transact(ctx, func(tx *sql.Tx) error {
		for _, l := range lines {
			query, args := `INSERT INTO vibe_events (task_id, event_message, severity, event_time) VALUES ($1, $2, 'info', $3)`, []any{l.Job, l.Message, now}
			if l.State != "" {
				query, args = `UPDATE vibe_tasks SET execution_state = $1 WHERE task_id = $2`, []any{l.State, l.Job}
			}
			if _, err := tx.ExecContext(ctx, query, args...); err != nil {
				return fmt.Errorf("writing a row: %w", err)
			}
		}
		return nil
	})
}

func (w *writer) transact(ctx context.Context, do func(*sql.Tx) error) error {
	tx, err := w.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("beginning a transaction: %w", err)
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}
