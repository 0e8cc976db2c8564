package main

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
)

// Columns of the scenario stall.
const (
	colAlone   = "p99 ms alone"
	colBeside  = "p99 ms beside"
	colTimes   = "times"
	colStalled = "KiB/stalled"
	colLate    = "lost by stalled"
)

const (
	tiny  = 2304    // bytes of the receive buffer of a viewer that reads nothing
	roomy = 1 << 20 // and of one that begins to read
	calm  = 100     // events a second, which all servers sustain
)

// stall has as many viewers that read nothing beside those that do.
func stall(ctx context.Context, e *session, put func(kind, figures)) error {
	jobs, err := e.jobs(ctx, 1)
	if err != nil {
		return err
	}
	if err := e.view(ctx, e.count, jobs...); err != nil {
		return err
	}
	alone, err := e.measure(ctx, e.rate(calm, e.duration, jobs), patience)
	if err != nil {
		return err
	}
	memory, err := e.besides(ctx, jobs)
	if err != nil {
		return err
	}
	beside, err := e.measure(ctx, e.rate(calm, e.duration, jobs), patience)
	if err != nil {
		return err
	}
	beside[colAlone], beside[colBeside], beside[colStalled] = alone[colP99], beside[colP99], memory
	beside[colTimes] = beside[colP99] / alone[colP99]
	if err := e.loop.Resume(roomy); err != nil {
		return err
	}
	e.recover(ctx, patience+fill(e)) // there is as much to be read as was written
	beside[colLate] = float64(e.loop.Lacking())
	put(kind{
		"stall", fmt.Sprintf("stall: %d viewers, %d events/s, beside as many that read nothing", e.count, calm),
		[]string{colAlone, colBeside, colTimes, colStalled, colOthers, colLost, colLate, colDoubled, colReordered},
	}, beside)
	return nil
}

// fill is how long the buffers are filled.
func fill(e *session) time.Duration { return time.Duration(e.filling) * time.Second / calm }

// besides adds viewers that read nothing, and fills what is between. It
// returns what each costs the server, in KiB.
func (e *session) besides(ctx context.Context, jobs []*load.Job) (memory float64, err error) {
	before, err := e.settle(ctx)
	if err != nil {
		return 0, err
	}
	v := e.viewers(e.count, jobs...)
	v.Receive = tiny
	if err := e.loop.Stall(ctx, v); err != nil {
		return 0, err
	}
	if _, err := e.measure(ctx, e.rate(calm, fill(e), jobs), patience); err != nil {
		return 0, err
	}
	after, err := e.settle(ctx)
	return (after - before) / 1024 / float64(e.count), err
}
