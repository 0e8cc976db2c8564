package main

import (
	"context"
	"errors"
	"flag"
	"strconv"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// options are what the flags say, and what they lead to.
type options struct {
	servers   []*server
	protocols []load.Protocol
	scenarios []*scenario

	rounds                 int
	serverCore, ownCore    int
	idleViewers            int
	idleTime, settleFor    time.Duration
	count                  int // viewers of all scenarios but idle
	rates                  []float64
	duration               time.Duration
	peak                   bool
	firstRate              float64
	stepTime, bound, burst time.Duration
	filling                int
	jobsRate               float64
	lines, replayViewers   int

	programs map[string]string
	dir      string
}

// scenario is one way of using a server.
type scenario struct {
	name string
	run  func(ctx context.Context, e *session, put func(kind, figures)) error
	// fits reports whether a server can do it.
	fits func(s *server) bool
}

var scenarios = []*scenario{
	{"idle", idle, func(*server) bool { return true }},
	{"fanout", fanout, func(*server) bool { return true }},
	{"jobs", manyJobs, func(*server) bool { return true }},
	{"stall", stall, func(*server) bool { return true }},
	{"replay", replay, func(s *server) bool { return s.keeps }},
}

func main() { rig.Command("fanout", parse, (*options).all) }

func parse(args []string) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("fanout", flag.ContinueOnError)
	names := func(list []string) string { return strings.Join(list, ",") }
	serverNames := flags.String("servers", names(rig.Names(servers, func(s *server) string { return s.name })), "who is measured, separated by commas")
	protocols := flags.String("protocols", "http/1.1,tls,h2", "over what, separated by commas")
	what := flags.String("scenarios", names(rig.Names(scenarios, func(s *scenario) string { return s.name })), "what is measured, separated by commas")
	rates := flags.String("rates", "20,100", "events a second of fanout, separated by commas")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each is measured, in turns")
	flags.IntVar(&o.serverCore, "server-core", 0, "the core of the servers; -1 for any")
	flags.IntVar(&o.ownCore, "generator-core", 1, "the core of the generator; -1 for any")
	flags.IntVar(&o.idleViewers, "idle-viewers", 10_000, "viewers of idle")
	flags.DurationVar(&o.idleTime, "idle-time", 4*time.Minute, "how long idle watches the CPU, and waits for Go to collect")
	flags.DurationVar(&o.settleFor, "settle", 3*time.Second, "how long memory must not have changed")
	flags.IntVar(&o.count, "viewers", 1000, "viewers of fanout, jobs and stall")
	flags.DurationVar(&o.duration, "time", 10*time.Second, "how long a rate is kept up")
	flags.BoolVar(&o.peak, "peak", true, "look for the highest rate")
	flags.Float64Var(&o.firstRate, "peak-from", 100, "the first rate that is tried, in events a second")
	flags.DurationVar(&o.stepTime, "peak-time", 3*time.Second, "how long each rate is tried")
	flags.DurationVar(&o.bound, "peak-p99", 250*time.Millisecond, "the largest p99 of a rate that counts as sustained")
	flags.DurationVar(&o.burst, "burst", 10*time.Millisecond, "events that fall due in this time are published in one write")
	flags.IntVar(&o.filling, "filling", 9000, "events, 100 a second, that fill the buffers of viewers that read nothing")
	flags.Float64Var(&o.jobsRate, "jobs-rate", 1000, "events a second of jobs, in all")
	flags.IntVar(&o.lines, "replay-lines", 100_000, "lines of the log of replay")
	flags.IntVar(&o.replayViewers, "replay-viewers", 1000, "viewers of replay that come at once")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var err, err2, err3 error
	o.servers, err = rig.Choose(*serverNames, servers, func(s *server) string { return s.name })
	o.protocols, err2 = rig.Choose(*protocols, every, func(p load.Protocol) string { return string(p) })
	o.scenarios, err3 = rig.Choose(*what, scenarios, func(s *scenario) string { return s.name })
	for text := range strings.SplitSeq(*rates, ",") {
		rate, err4 := strconv.ParseFloat(text, 64)
		o.rates, err = append(o.rates, rate), errors.Join(err, err4)
	}
	return o, errors.Join(err, err2, err3)
}
