package main

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// hitch is the longest that a frame may take in ms.
const hitch = 100.0

// live measures a page that follows a job which writes much.
func live(ctx context.Context, o *options, s *site, b *browser) (*rig.Report, error) {
	const job = "live"
	if err := s.setState(ctx, job, "running"); err != nil {
		return nil, err
	}
	if err := b.open(s.page(job)); err != nil {
		return nil, err
	}
	if err := b.await(`$('.connection')?.textContent === 'live'`); err != nil {
		return nil, err
	}
	r := &rig.Report{Title: fmt.Sprintf("live: %d lines/s for %v", o.rate, o.time)}
	for _, call := range [][]any{{"eval", "void (bench.end = bench.frames())"}, {"trace"}} {
		if err := b.call(nil, call[0].(string), call[1:]...); err != nil {
			return nil, err
		}
	}
	lines, err := s.write(ctx, job, o.rate, o.time)
	if err != nil {
		return nil, err
	}
	if err := b.await(`$('.row:last-child .m').textContent === 'line %d of the job that writes much'`, lines); err != nil {
		return nil, err
	}
	var frames []float64
	if err := b.eval(&frames, "bench.end()"); err != nil {
		return nil, err
	}
	var t tasks
	if err := b.call(&t, "traced"); err != nil {
		return nil, err
	}
	addFrames(r, "live", frames, smooth)
	r.Hold("live: longest frame ms, of all", quantile(frames, 1), hitch)
	t.add(r, "live")
	r.Add("live: lines", float64(lines))
	return r, nil
}

// write writes lines for some time, 20 transactions a second.
func (s *site) write(ctx context.Context, job string, rate int, duration time.Duration) (lines int, err error) {
	const pace = 50 * time.Millisecond
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for begun := time.Now(); time.Since(begun) < duration; {
		select {
		case <-ctx.Done():
			return lines, ctx.Err()
		case <-tick.C:
		}
		due := min(int(time.Since(begun).Seconds()*float64(rate)), lines+rate)
		_, err := s.db.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT ?2 UNION ALL SELECT i + 1 FROM n WHERE i < ?3)
			INSERT INTO vibe_events (task_id, event_message, severity, event_time)
			SELECT ?1, 'line ' || i || ' of the job that writes much', 'info', ?4 FROM n`, job, lines+1, due, time.Now().UnixMilli())
		if err != nil {
			return lines, fmt.Errorf("writing rows: %w", err)
		}
		lines = due
	}
	return lines, nil
}
