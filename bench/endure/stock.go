package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// The jobs that attackers of mix ask for.
const (
	long = "long"
	huge = "huge"
)

// sizes are those of the severities of a job whose rows are huge, in bytes.
var sizes = []int{5_000_000, 17_000_000}

// stock writes what attackers ask for: a long log, and one with huge rows.
func (s *scene) stock(ctx context.Context) error {
	if err := s.writer.begin(ctx, []string{long, huge}); err != nil {
		return err
	}
	if _, err := s.writer.db.ExecContext(ctx, `INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < $1)
		SELECT '`+long+`', 'row ' || i || ' of a long log, as long as rows are', 'info', 1234567890 FROM s`, s.mixed.rows); err != nil {
		return fmt.Errorf("a long log: %w", err)
	}
	if _, err := s.writer.db.ExecContext(ctx, s.db.tidy); err != nil || !s.mixed.hugely() {
		return err
	}
	const few = 20 // of both sizes
	for i := range max(len(sizes), int(few*s.mixed.scale)) {
		if err := s.writer.huge(ctx, sizes[i%len(sizes)]); err != nil {
			return err
		}
	}
	return nil
}

// hugely reports whether huge rows are asked for.
func (m *mixed) hugely() bool { return m.only == "" || strings.Contains(m.only, huge) }

// huge writes a row that is.
func (w *writer) huge(ctx context.Context, size int) error {
	_, err := w.db.ExecContext(ctx, `INSERT INTO vibe_events (task_id, event_message, severity, event_time) VALUES ($1, 'huge', $2, 1234567890)`,
		huge, strings.Repeat("a", size))
	if err != nil {
		return fmt.Errorf("a huge row: %w", err)
	}
	return nil
}

// amid measures while huge rows are written as well. Writing one holds up others'
// writes, which is not the server's doing, and so is done beside nobody, too.
func (s *scene) amid(ctx context.Context, to *round, jobs []*load.Job, attackers *rig.Process) error {
	if !s.mixed.hugely() {
		return s.measure(ctx, to, jobs, attackers)
	}
	inner, cancel := context.WithCancel(ctx)
	written := make(chan struct{})
	go func() {
		defer close(written)
		s.writeHuge(inner)
	}()
	err := s.measure(ctx, to, jobs, attackers)
	cancel()
	<-written
	return err
}

// writeHuge writes huge rows now and then, until ctx ends.
func (s *scene) writeHuge(ctx context.Context) {
	const often = 10 * time.Second
	ticker := time.NewTicker(min(often, s.duration/4))
	defer ticker.Stop()
	for i := 0; ; i++ {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := s.writer.huge(ctx, sizes[i%len(sizes)]); err != nil && ctx.Err() == nil {
			s.end(err)
			return
		}
	}
}
