package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// kinds are the attacks that bench/attack knows.
var kinds = []string{"streams", "heads", "bombs", "deaf", "unknown", "tokens"}

// abuse measures viewers alone, and beside attackers.
func abuse(ctx context.Context, o *options) (reports []*rig.Report, err error) {
	for i, kind := range o.attacks {
		r, err := o.beside(ctx, i, kind)
		if err != nil {
			return reports, fmt.Errorf("%s: %w", kind, err)
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// beside measures viewers alone and beside one kind of attackers, in turns, on
// a server of their own.
func (o *options) beside(ctx context.Context, index int, kind string) (r *rig.Report, err error) {
	const share = 10 // viewers of an address
	ctx, s, err := o.open(ctx, 1)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	jobs, err := s.make(ctx, 1)
	if err != nil {
		return nil, err
	}
	if err := s.view(ctx, s.nodes[0], crowd{count: o.few, jobs: jobs, share: share}); err != nil {
		return nil, err
	}
	r = &rig.Report{Title: fmt.Sprintf("abuse: %d viewers, %g events/s, beside %s", o.few, o.calm, kind)}
	var alone, beside round
	for range o.rounds {
		if err := s.measure(ctx, &alone, jobs, nil); err != nil {
			return nil, err
		}
		if err := s.attacked(ctx, &beside, jobs, fmt.Sprintf("127.200.0.%d", index+1), kind, r); err != nil {
			return nil, err
		}
	}
	r.Add("p99 ms alone", median(alone.p99))
	r.Add("p99 ms beside", median(beside.p99))
	r.Hold("times", median(beside.p99)/median(alone.p99), 1.2)
	r.Hold("lost", alone.lost+beside.lost, 0)
	r.Hold("doubled", alone.doubled+beside.doubled, 0)
	r.Add("CPU of the server % alone", median(alone.cpu))
	r.Add("and beside", median(beside.cpu))
	r.Add("CPU of the attackers %", median(beside.attackers))
	r.Add("of others % alone", median(alone.others))
	r.Add("and beside them", median(beside.others))
	return r, nil
}

// round is what was measured each time.
type round struct {
	p50, p99, cpu, others, attackers []float64
	lost, doubled                    float64
}

// measure publishes for some time. attackers is nil if there are none.
func (s *scene) measure(ctx context.Context, to *round, jobs []*load.Job, attackers *rig.Process) error {
	all := []*rig.Process{s.nodes[0].process}
	if attackers != nil {
		all = append(all, attackers)
	}
	s.loop.Tally = new(load.Tally)
	before, err := rig.Spend(all...)
	cpu, err2 := s.nodes[0].process.CPU()
	if err := errors.Join(err, err2, s.play(s.calm, jobs), s.wait(ctx, s.duration), s.loop.Stop()); err != nil {
		return err
	}
	after, err := rig.Spend(all...)
	cpu2, err2 := s.nodes[0].process.CPU()
	if err := errors.Join(err, err2, s.caughtUp(ctx)); err != nil {
		return err
	}
	const ms = float64(time.Millisecond)
	server := 100 * float64(cpu2-cpu) / float64(after.At.Sub(before.At))
	to.p50 = append(to.p50, float64(s.loop.Tally.Latency.Quantile(0.5))/ms)
	to.p99 = append(to.p99, float64(s.loop.Tally.Latency.Quantile(0.99))/ms)
	to.cpu = append(to.cpu, server)
	to.attackers = append(to.attackers, after.Since(before, func(s rig.Spent) time.Duration { return s.Server })-server)
	to.others = append(to.others, after.Others(before))
	to.lost += s.lost()
	to.doubled += float64(s.loop.Tally.Doubled)
	return nil
}

// attacked measures beside attackers, who come first and stop by themselves.
func (s *scene) attacked(ctx context.Context, to *round, jobs []*load.Job, from, kind string, r *rig.Report) error {
	a, err := s.attack(ctx, from, "-kind", kind, "-job", jobs[0].Name, "-connections", strconv.Itoa(s.attackers), "-pace", strconv.Itoa(s.pace))
	if err != nil {
		return err
	}
	defer a.process.Stop()
	if err := s.measure(ctx, to, jobs, a.process); err != nil {
		return err
	}
	said, err := a.stop()
	r.Note(said)
	return err
}

// attackers are those of one command.
type attackers struct {
	process *rig.Process
	dir     string
}

// attack starts attackers, and returns when they are under way.
func (s *scene) attack(ctx context.Context, from string, args ...string) (a attackers, err error) {
	if a.dir, err = os.MkdirTemp(s.home, "attack"); err != nil {
		return a, err
	}
	// They are to have what the generator leaves of the core.
	a.process, err = rig.Launch(append([]string{
		"nice", "-n", "19", s.programs["attack"], "-server", s.nodes[0].plain.String(), "-secure", s.nodes[0].secure.String(), "-from", from,
		"-time", (patience + s.duration).String(),
	}, args...), a.dir, s.ownCore)
	if err != nil {
		return a, err
	}
	under := func() bool { return strings.Contains(a.process.Tail(), "all have begun") || ended(a.process) }
	if err := s.loop.Run(ctx, under); err != nil {
		a.process.Stop()
		return a, err
	}
	return a, nil
}

// stop ends the attackers, and returns what they say of it.
func (a attackers) stop() (string, error) {
	a.process.Stop()
	said, err := os.ReadFile(filepath.Join(a.dir, "log"))
	return strings.TrimSpace(string(said)), err
}

func ended(p *rig.Process) bool {
	select {
	case <-p.Ended():
		return true
	default:
		return false
	}
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}
