package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
)

// Columns of the scenario replay.
const (
	colFirst     = "first: lines/s"
	colFirstLine = "first line ms"
	colWarm      = "second: lines/s"
	colWarmLine  = "first line ms, second"
	colAll       = "all: lines/s"
	colAllTime   = "all: s"
	colReads     = "store reads for all"
)

// batch is how many lines of the log are published together.
const batch = 1000

// replay has viewers of a job that has completed.
func replay(ctx context.Context, e *session, put func(kind, figures)) error {
	jobs, err := e.jobs(ctx, 1)
	if err != nil {
		return err
	}
	if err := e.fill(ctx, jobs[0]); err != nil {
		return err
	}
	f := figures{}
	var failed error
	look := func(count int, lines, line string) (took time.Duration) {
		if failed != nil {
			return 0
		}
		var first time.Duration
		if first, took, failed = e.watch(ctx, count, jobs[0]); failed == nil {
			f[lines] = float64(count*e.lines) / took.Seconds()
			f[line] = ms(first)
			f[colLost] += float64(e.loop.Tally.Lost)
			f[colDoubled] += float64(e.loop.Tally.Doubled)
			f[colReordered] += float64(e.loop.Tally.Reordered)
		}
		return took
	}
	look(1, colFirst, colFirstLine)
	look(1, colWarm, colWarmLine)
	before, err := e.reads(ctx)
	f[colAllTime] = look(e.replayViewers, colAll, "").Seconds()
	after, err2 := e.reads(ctx)
	if f[colReads] = float64(after - before); e.server.form != nil {
		delete(f, colReads) // only the store of the benchmark counts
	}
	if err := errors.Join(failed, err, err2); err != nil {
		return err
	}
	put(kind{
		"replay", fmt.Sprintf("replay: a completed job of %d lines, to one viewer, another, and %d at once", e.lines, e.replayViewers),
		[]string{colFirst, colFirstLine, colWarm, colWarmLine, colAll, colAllTime, colReads, colLost, colDoubled, colReordered},
	}, f)
	return nil
}

// fill publishes the whole log.
func (e *session) fill(ctx context.Context, job *load.Job) error {
	for left := e.lines; left > 0; left -= batch {
		if err := e.loop.Send(job, min(batch, left)); err != nil {
			return err
		}
		if err := e.loop.Settle(ctx); err != nil {
			return fmt.Errorf("filling the log: %w", err)
		}
	}
	return errors.Join(e.loop.End(job), e.loop.Settle(ctx))
}

// watch reads the log with some viewers that come at once, to the end. first
// is when the first line came to one of them.
func (e *session) watch(ctx context.Context, count int, job *load.Job) (first, took time.Duration, err error) {
	e.loop.Tally = new(load.Tally)
	ask, err := e.loop.Connect(ctx, e.viewers(count, job))
	if err != nil {
		return 0, 0, err
	}
	begun := time.Now()
	if err := ask(); err != nil {
		return 0, 0, err
	}
	err = e.loop.Run(ctx, func() bool {
		if first == 0 && e.loop.Tally.Delivered > 0 {
			first = time.Since(begun)
		}
		return e.loop.Tally.Ends == int64(count)
	})
	return first, time.Since(begun), err
}

// reads is how often the server has read its store.
func (e *session) reads(ctx context.Context) (int64, error) {
	err := e.loop.Settle(ctx)
	if lines, ok := e.form.(*load.Lines); ok {
		return lines.Reads, err
	}
	return 0, err
}
