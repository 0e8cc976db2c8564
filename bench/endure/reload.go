package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// reload changes the config again and again under viewers.
func reload(ctx context.Context, o *options) (reports []*rig.Report, err error) {
	ctx, s, err := o.open(ctx, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	fresh, err := s.steady(ctx, s.nodes[0])
	if err != nil {
		return nil, err
	}
	both := []int{1, o.jobs}
	for _, jobs := range both { // warms up
		if _, err := s.reloading(ctx, jobs); err != nil {
			return nil, err
		}
		s.loop.Leave()
	}
	warm, err := s.steady(ctx, s.nodes[0])
	if err != nil {
		return nil, err
	}
	for _, jobs := range both {
		r, err := s.reloading(ctx, jobs)
		if err != nil {
			return reports, err
		}
		reports = append(reports, r)
		height, err := s.nodes[0].look(ctx)
		if err != nil {
			return reports, err
		}
		s.loop.Leave()
		left, err := s.settled(ctx, s.nodes[0], warm)
		if err != nil {
			return reports, err
		}
		compare(r, fresh, warm, height, left)
	}
	return reports, nil
}

// reloading has viewers of so many jobs, and reloads.
func (s *scene) reloading(ctx context.Context, count int) (*rig.Report, error) {
	n, broken, early := s.nodes[0], 0, 0
	r := &rig.Report{Title: fmt.Sprintf("reload: %d viewers of %d jobs, %g events/s in all, %d reloads", s.viewers, count, s.rate, s.reloads)}
	jobs, err := s.make(ctx, count)
	if err != nil {
		return nil, err
	}
	c := crowd{count: s.viewers, jobs: jobs, again: func(b load.Break) netip.AddrPort {
		if !b.Begun {
			early++ // it connected as a server was shut down, which had not read its request
		} else {
			broken++
			r.Note(fmt.Sprintf("A stream over %s broke: %v; it was told %q.", b.Viewers.Protocol, b.Err, b.Said))
		}
		return n.address(b.Viewers.Protocol)
	}}
	if err := s.view(ctx, n, c); err != nil {
		return nil, err
	}
	s.loop.Tally = new(load.Tally)
	before, err := rig.Spend(n.process)
	if err != nil {
		return nil, err
	}
	if err := s.change(ctx, r, c); err != nil {
		return nil, err
	}
	after, err := rig.Spend(n.process)
	if err != nil {
		return nil, err
	}
	r.Hold("disconnects", float64(broken), 0)
	r.Add("newcomers that had to connect twice", float64(early))
	s.tell(r, before, after)
	return r, nil
}

// change publishes, and reloads meanwhile. It returns when every viewer has all.
func (s *scene) change(ctx context.Context, r *rig.Report, c crowd) error {
	n, longestReload := s.nodes[0], time.Duration(0)
	if err := s.play(s.rate, c.jobs); err != nil {
		return err
	}
	c.count = 3 // newcomers, one of each protocol
	for i := range s.reloads {
		begun := time.Now()
		if err := s.during(ctx, func() error { return n.reload(ctx, i+1) }); err != nil {
			return err
		}
		longestReload = max(longestReload, time.Since(begun))
		if err := errors.Join(s.view(ctx, n, c), s.wait(ctx, s.pause)); err != nil {
			return err
		}
	}
	r.Add("longest reload ms", float64(longestReload.Milliseconds()))
	return errors.Join(s.loop.Stop(), s.caughtUp(ctx))
}

// caughtUp waits until every viewer has all that was published.
func (s *scene) caughtUp(ctx context.Context) error {
	var looked time.Time
	late := time.Now().Add(patience)
	return s.loop.Run(ctx, func() bool {
		now := time.Now()
		if now.Sub(looked) < 10*time.Millisecond {
			return false
		}
		looked = now
		return now.After(late) || s.loop.Lacking() == 0
	})
}

// compare adds what a server held: fresh, warm, at the height, and at the end.
func compare(r *rig.Report, fresh, warm, height, left inside) {
	const mib = 1 << 20
	for _, f := range []struct {
		name string
		of   func(inside) float64
		most float64
	}{
		{"heap MiB", func(in inside) float64 { return in.heap / mib }, most},
		{"goroutines", func(in inside) float64 { return in.goroutines }, most},
		{"files", func(in inside) float64 { return in.files }, 1},
	} {
		r.Add(f.name+" fresh", f.of(fresh))
		r.Add(f.name+" warm", f.of(warm))
		r.Add(f.name+" at the height", f.of(height))
		r.Add(f.name+" at the end", f.of(left))
		r.Hold(f.name+", end to warm", f.of(left)/f.of(warm), f.most)
	}
}
