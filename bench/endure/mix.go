package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// mixed are the options of mix.
type mixed struct {
	stores   []string
	viewers  int
	rate     float64
	duration time.Duration
	rows     int
	scale    float64
	only     string
}

// flags adds the options to flags, but for the stores, whose names it returns.
func (m *mixed) flags(flags *flag.FlagSet) (stores *string) {
	flags.IntVar(&m.viewers, "beside", 200, "viewers of mix")
	flags.Float64Var(&m.rate, "beside-rate", 20, "events a second of mix")
	flags.DurationVar(&m.duration, "mix-time", time.Minute, "how long the viewers of mix are alone, and how long they are not")
	flags.IntVar(&m.rows, "rows", 2_000_000, "rows of the job that attackers of mix ask for")
	flags.Float64Var(&m.scale, "scale", 1, "how much attackers of mix do")
	flags.StringVar(&m.only, "only", "", "the attacks of mix, separated by commas; all if it is empty")
	return flags.String("stores", "sqlite,postgres", "the stores of mix, separated by commas")
}

// mixes reports whether mix is to be measured.
func (o *options) mixes() bool {
	return slices.ContainsFunc(o.scenarios, func(s scenario) bool { return s.name == "mix" })
}

// mix measures viewers alone, and beside attackers of many kinds at once.
func mix(ctx context.Context, o *options) (reports []*rig.Report, err error) {
	own := *o
	own.duration, own.calm = o.mixed.duration, o.mixed.rate
	defer func() { o.databases = own.databases }()
	for _, name := range o.mixed.stores {
		r, err := own.withstand(ctx, name)
		if err != nil {
			return reports, fmt.Errorf("%s: %w", name, err)
		}
		reports = append(reports, r)
	}
	return reports, nil
}

// withstand measures viewers on a store, and how the server then ends.
func (o *options) withstand(ctx context.Context, store string) (r *rig.Report, err error) {
	ctx, s, err := o.openOn(ctx, 1, places[store])
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if err := s.stock(ctx); err != nil {
		return nil, fmt.Errorf("writing what is asked for: %w", err)
	}
	jobs, err := s.make(ctx, 1)
	if err != nil {
		return nil, err
	}
	const share = 10 // viewers of an address
	broken := map[string]int{}
	again := func(b load.Break) netip.AddrPort {
		broken[b.Said]++
		return s.nodes[0].address(b.Viewers.Protocol)
	}
	if err := s.view(ctx, s.nodes[0], crowd{count: s.mixed.viewers, jobs: jobs, share: share, again: again}); err != nil {
		return nil, err
	}
	r = &rig.Report{Title: fmt.Sprintf("mix on %s: %d viewers, %g events/s, %s alone and %[4]s beside", store, s.mixed.viewers, s.calm, s.duration)}
	r.Note(fmt.Sprintf("%d rows, %g of what attackers do.", s.mixed.rows, s.mixed.scale))
	if err := s.mixed.measure(ctx, s, jobs, r); err != nil {
		return nil, fmt.Errorf("%w; the server says: %s", err, s.nodes[0].process.Tail())
	}
	r.Add("streams that broke", float64(sum(broken)))
	if len(broken) > 0 {
		r.Note(fmt.Sprintf("Streams broke, by what was said: %v.", broken))
	}
	return r, s.nodes[0].panicked(r)
}

// measure has the viewers alone, and then beside attackers until the server has
// ended.
func (m *mixed) measure(ctx context.Context, s *scene, jobs []*load.Job, r *rig.Report) error {
	var alone, beside round
	if err := s.amid(ctx, &alone, jobs, nil); err != nil {
		return err
	}
	ready := s.nodes[0].watchReady(ctx)
	a, err := s.attack(ctx, "127.200.0.1", "-mix", "-only", m.only, "-scale", strconv.FormatFloat(m.scale, 'g', -1, 64), "-job", long, "-huge", huge, "-newest", strconv.Itoa(m.rows))
	if err != nil {
		ready.end(r)
		return err
	}
	defer a.process.Stop()
	err = s.amid(ctx, &beside, jobs, a.process)
	ready.end(r)
	if err != nil {
		return err
	}
	peak, err := s.nodes[0].process.Peak()
	if err != nil {
		return err
	}
	s.loop.Tally = new(load.Tally)
	if err := s.finish(ctx, jobs); err != nil {
		return err
	}
	r.Add("p50 ms alone", median(alone.p50))
	r.Add("p50 ms beside", median(beside.p50))
	r.Add("p99 ms alone", median(alone.p99))
	r.Add("p99 ms beside", median(beside.p99))
	r.Hold("times", median(beside.p99)/median(alone.p99), 2)
	r.Hold("lost", alone.lost+beside.lost+s.lost(), 0)
	r.Hold("doubled", alone.doubled+beside.doubled+float64(s.loop.Tally.Doubled), 0)
	r.Hold("viewers who were not told the end", float64(int64(m.viewers)-s.loop.Tally.Ends), 0)
	r.Hold("resident MB at most", float64(peak)/1e6, 300)
	r.Add("CPU of the server % alone", median(alone.cpu))
	r.Add("and beside", median(beside.cpu))
	r.Add("CPU of the attackers %", median(beside.attackers))
	r.Add("of others % alone", median(alone.others))
	r.Add("and beside them", median(beside.others))
	return s.leave(ctx, r, a)
}

// leave asks the server to end while the attackers hold on.
func (s *scene) leave(ctx context.Context, r *rig.Report, a attackers) error {
	begun, took, err := s.drained(ctx, s.nodes[0])
	late := 0.
	if err != nil {
		late, took = 1, time.Since(begun) // or longer
		s.nodes[0].process.Kill()
		r.Note(err.Error())
	}
	r.Hold("servers that had to be killed", late, 0)
	r.Hold("seconds to exit", took.Seconds(), (s.drain + slack).Seconds())
	said, err := a.stop()
	r.Note("```\n" + said + "\n```")
	return err
}

// panicked adds how often the server's log tells of a panic.
func (n *node) panicked(r *rig.Report) error {
	log, err := os.ReadFile(filepath.Join(n.home, "log"))
	r.Hold("panics", float64(strings.Count(string(log), "panic")), 0)
	return err
}

func sum(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}
