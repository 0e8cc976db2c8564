package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// crash kills nodes under their viewers, who go on where they are told.
func crash(ctx context.Context, o *options) (_ []*rig.Report, err error) {
	ctx, s, err := o.open(ctx, 2)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	jobs, err := s.make(ctx, 1)
	if err != nil {
		return nil, err
	}
	at, broken, refused := 0, 0, 0
	again := func(b load.Break) netip.AddrPort {
		if b.Begun {
			broken++
		} else {
			refused++
		}
		return s.nodes[at].address(b.Viewers.Protocol)
	}
	s.loop.Tally = new(load.Tally)
	if err := s.view(ctx, s.nodes[at], crowd{count: o.viewers, jobs: jobs, again: again}); err != nil {
		return nil, err
	}
	r := &rig.Report{Title: fmt.Sprintf("crash: %d viewers of one job, %g events/s, %d kills, seed %d", o.viewers, o.calm, o.kills, o.seed)}
	before, err := rig.Spend()
	if err != nil {
		return nil, err
	}
	if err := s.play(o.calm, jobs); err != nil {
		return nil, err
	}
	random := rand.New(rand.NewPCG(o.seed, 0))
	for i := range o.kills {
		// Some are back by then, and some may be on their way.
		err := s.loop.Run(ctx, func() bool { return s.loop.Waiting() < o.viewers })
		if err := errors.Join(err, s.wait(ctx, time.Duration(random.Int64N(int64(o.within))))); err != nil {
			return nil, err
		}
		n := s.nodes[at]
		at ^= i % 2 // they come again to the same node, and to the other one, in turns
		if err := s.during(ctx, func() error {
			n.process.Kill()
			return n.start(ctx)
		}); err != nil {
			return nil, err
		}
	}
	err = s.loop.Run(ctx, func() bool { return s.loop.Waiting() == 0 })
	if err := errors.Join(err, s.finish(ctx, jobs)); err != nil {
		return nil, err
	}
	after, err := rig.Spend()
	if err != nil {
		return nil, err
	}
	r.Add("streams that broke", float64(broken))
	r.Add("vain attempts to come again", float64(refused))
	r.Hold("viewers who were not told the end", float64(int64(o.viewers)-s.loop.Tally.Ends), 0)
	s.tell(r, before, after)
	return []*rig.Report{r}, nil
}
