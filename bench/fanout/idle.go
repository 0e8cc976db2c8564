package main

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// Columns of the scenario idle.
const (
	colFresh   = "KiB/viewer at once"
	colMemory  = "KiB/viewer"
	colProcess = "process MiB"
	colBeats   = "heartbeats/viewer"
)

// settleMax is how long memory may take until it changes no more.
const settleMax = 30 * time.Second

var idleKind = kind{"idle", "idle", []string{colFresh, colMemory, colProcess, colCPU, colBeats}}

// idle has many viewers of a job in which nothing happens.
func idle(ctx context.Context, e *session, put func(kind, figures)) error {
	jobs, err := e.jobs(ctx, 1)
	if err != nil {
		return err
	}
	before, err := e.settle(ctx)
	if err != nil {
		return err
	}
	if err := e.view(ctx, e.idleViewers, jobs...); err != nil {
		return err
	}
	after, err := e.settle(ctx)
	if err != nil {
		return err
	}
	e.loop.Tally = new(load.Tally)
	cpu, err := e.process.CPU()
	err = errors.Join(err, e.wait(ctx, e.idleTime))
	cpu2, err2 := e.process.CPU()
	later, err3 := e.settle(ctx)
	put(idleKind, figures{
		colFresh:   (after - before) / 1024 / float64(e.idleViewers),
		colMemory:  (later - before) / 1024 / float64(e.idleViewers),
		colProcess: later / (1 << 20),
		colCPU:     100 * (cpu2 - cpu).Seconds() / e.idleTime.Seconds(),
		colBeats:   float64(e.loop.Tally.Beats) / float64(e.idleViewers),
	})
	return errors.Join(err, err2, err3)
}

// wait reads what comes for some time.
func (e *session) wait(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	return e.loop.Run(ctx, func() bool { return time.Now().After(end) })
}

// settle waits until the server's memory has stopped to change by more than a
// hundredth, and returns it in bytes.
func (e *session) settle(ctx context.Context) (bytes float64, err error) {
	begun := time.Now()
	since := begun
	for time.Since(since) < e.settleFor && time.Since(begun) < settleMax {
		now, err := e.process.Memory()
		if err != nil {
			return 0, err
		}
		if math.Abs(float64(now)-bytes) > bytes/100 {
			bytes, since = float64(now), time.Now()
		}
		if err := e.wait(ctx, rig.Interval); err != nil {
			return 0, err
		}
	}
	return bytes, nil
}
