package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
)

// patience is how long after the last event viewers may wait for it.
const patience = 10 * time.Second

// fanout has many viewers of one job, at some rates and at the highest one.
func fanout(ctx context.Context, e *session, put func(kind, figures)) error {
	jobs, err := e.jobs(ctx, 1)
	if err != nil {
		return err
	}
	if err := e.view(ctx, e.count, jobs...); err != nil {
		return err
	}
	for _, rate := range e.rates {
		f, err := e.measure(ctx, e.rate(rate, e.duration, jobs), patience)
		if err != nil {
			return err
		}
		put(kind{
			fmt.Sprint("fanout ", rate), fmt.Sprintf("fanout: %d viewers of one job, %g events/s", e.count, rate), measured,
		}, f)
	}
	if !e.peak {
		return nil
	}
	f, err := e.highest(ctx, jobs)
	if err == nil {
		put(kind{
			"fanout highest", fmt.Sprintf("fanout: %d viewers of one job, the highest rate", e.count),
			append([]string{colRate}, measured...),
		}, f)
	}
	return err
}

// manyJobs has one viewer of each of many jobs.
func manyJobs(ctx context.Context, e *session, put func(kind, figures)) error {
	jobs, err := e.jobs(ctx, e.count)
	if err != nil {
		return err
	}
	if err := e.view(ctx, e.count, jobs...); err != nil {
		return err
	}
	f, err := e.measure(ctx, e.rate(e.jobsRate, e.duration, jobs), patience)
	if err == nil {
		put(kind{
			"jobs", fmt.Sprintf("jobs: %d jobs with one viewer each, %g events/s in all", e.count, e.jobsRate), measured,
		}, f)
	}
	return err
}

func (e *session) rate(perSecond float64, d time.Duration, jobs []*load.Job) load.Rate {
	return load.Rate{PerSecond: perSecond, Burst: e.burst, For: d, Jobs: jobs}
}

// highest looks for the highest rate that the server sustains.
func (e *session) highest(ctx context.Context, jobs []*load.Job) (best figures, err error) {
	const (
		growth = 1.5
		near   = 1.1
		lowest = 1
	)
	low, high := 0.0, math.Inf(1)
	for rate := e.firstRate; rate >= lowest && high/low > near; {
		f, err := e.measure(ctx, e.rate(rate, e.stepTime, jobs), time.Second)
		if err != nil && best != nil && ctx.Err() == nil {
			break // a server that hangs up has reached its limit, too
		}
		if err != nil {
			return nil, err
		}
		if e.sustained(f) {
			best, low = f, rate
		} else if high = rate; !e.recover(ctx, patience) {
			break
		}
		switch {
		case math.IsInf(high, 1):
			rate *= growth
		case low == 0:
			rate /= 2
		default:
			rate = math.Sqrt(low * high)
		}
	}
	if best == nil {
		return nil, fmt.Errorf("no rate is sustained; %g events/s are not", high)
	}
	return best, ctx.Err()
}

func (e *session) sustained(f figures) bool {
	return f[colLost]+f[colDoubled]+f[colReordered] == 0 && f[colP99] <= ms(e.bound)
}

// recover waits until viewers have all that was published. A server that loses
// events never recovers.
func (e *session) recover(ctx context.Context, within time.Duration) bool {
	end := time.Now().Add(within)
	err := e.loop.Run(ctx, func() bool { return e.loop.Lacking() == 0 || time.Now().After(end) })
	return err == nil && e.loop.Lacking() == 0
}
