package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// exit ends a node under its viewers, who go on at another one.
func exit(ctx context.Context, o *options) (_ []*rig.Report, err error) {
	ctx, s, err := o.open(ctx, 2)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	jobs, err := s.make(ctx, 1)
	if err != nil {
		return nil, err
	}
	var breaks []load.Break
	again := func(b load.Break) netip.AddrPort {
		breaks = append(breaks, b)
		return s.nodes[1].address(b.Viewers.Protocol)
	}
	s.loop.Tally = new(load.Tally)
	if err := s.view(ctx, s.nodes[0], crowd{count: o.viewers, jobs: jobs, again: again}); err != nil {
		return nil, err
	}
	if err := errors.Join(s.play(o.calm, jobs), s.wait(ctx, time.Second)); err != nil {
		return nil, err
	}
	r := &rig.Report{Title: fmt.Sprintf("exit: %d viewers of one job, %g events/s", o.viewers, o.calm)}
	before, err := rig.Spend(s.nodes[1].process) // the other one is not there when it is over
	if err != nil {
		return nil, err
	}
	begun, took, err := s.drained(ctx, s.nodes[0])
	if err != nil {
		return nil, err
	}
	err = s.loop.Run(ctx, func() bool { return len(breaks) >= o.viewers && s.loop.Waiting() == 0 })
	if err := errors.Join(err, s.wait(ctx, time.Second), s.finish(ctx, jobs)); err != nil {
		return nil, err
	}
	after, err := rig.Spend(s.nodes[1].process)
	if err != nil {
		return nil, err
	}
	r.Hold("seconds to exit", took.Seconds(), (o.drain + slack).Seconds())
	byes(r, breaks, begun, o)
	s.tell(r, before, after)
	return []*rig.Report{r}, nil
}

// slack is what an exit may take longer than the viewers are given.
const slack = 2 * time.Second

// drained asks a node to end, and waits until it has.
func (s *scene) drained(ctx context.Context, n *node) (begun time.Time, took time.Duration, err error) {
	begun = time.Now()
	if err := n.process.Terminate(); err != nil {
		return begun, 0, err
	}
	err = s.during(ctx, func() error {
		select {
		case <-n.process.Ended():
			took = time.Since(begun)
			return nil
		case <-time.After(5 * s.drain):
			return fmt.Errorf("the server has not ended after %s", 5*s.drain)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	return begun, took, err
}

// byes adds how streams ended that began to at some time.
func byes(r *rig.Report, breaks []load.Break, begun time.Time, o *options) {
	var said, whole int
	var ends, retries []time.Duration
	for _, b := range breaks {
		ends = append(ends, b.At.Sub(begun))
		if b.Said == "bye" {
			said++
			retries = append(retries, b.Retry)
		}
		if b.Whole {
			whole++
		}
	}
	slices.Sort(retries)
	r.Add("streams that ended", float64(len(breaks)))
	r.Hold("of them more than once", float64(len(breaks)-o.viewers), 0)
	r.Hold("without bye", float64(len(breaks)-said), 0)
	r.Hold("cut off", float64(len(breaks)-whole), 0)
	if len(retries) > 0 {
		different := len(slices.Compact(slices.Clone(retries)))
		r.Add("retry ms, least", float64(retries[0].Milliseconds()))
		r.Add("retry ms, median", float64(retries[len(retries)/2].Milliseconds()))
		r.Add("retry ms, most", float64(retries[len(retries)-1].Milliseconds()))
		r.Add("different retries", float64(different))
	}
	h := spread(ends)
	r.Hold("most to least of the middle of the histogram", h.unevenness(), even(len(ends)))
	r.Note(h.String())
}
