package main

import (
	"context"
	"flag"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/rig"
	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// options are what the flags say, and what they lead to.
type options struct {
	scenarios           []scenario
	check               bool
	serverCore, ownCore int
	lines               []string // further ones of the global option

	viewers, jobs    int
	rate, calm       float64
	reloads          int
	pause            time.Duration
	drain            time.Duration
	kills            int
	within           time.Duration
	seed             uint64
	few, rounds      int
	attackers, pace  int
	duration, settle time.Duration
	attacks          []string
	mixed            mixed

	programs  map[string]string
	dir       string
	postgres  *testdb.Server // nil if no scenario needs it
	databases int            // made there, for their names
}

// scenario is something that a server goes through.
type scenario struct {
	name string
	run  func(ctx context.Context, o *options) ([]*rig.Report, error)
}

var scenarios = []scenario{{"reload", reload}, {"exit", exit}, {"crash", crash}, {"abuse", abuse}, {"mix", mix}}

func main() { rig.Command("endure", parse, (*options).all) }

func parse(args []string) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("endure", flag.ContinueOnError)
	what := flags.String("scenarios", "reload,exit,crash,abuse,mix", "what is measured, separated by commas")
	attacks := flags.String("attacks", strings.Join(kinds, ","), "the attacks of abuse, separated by commas")
	flags.BoolVar(&o.check, "check", false, "fail if a bar is missed")
	flags.IntVar(&o.serverCore, "server-core", 0, "the core of the servers; -1 for any")
	flags.IntVar(&o.ownCore, "generator-core", 1, "the core of the generator; -1 for any")
	flags.Func("option", "a further line of the global option jobs; may be given several times", func(line string) error {
		o.lines = append(o.lines, line)
		return nil
	})
	flags.IntVar(&o.viewers, "viewers", 5000, "viewers of reload, exit and crash")
	flags.IntVar(&o.jobs, "jobs", 500, "jobs of reload, where it has many")
	flags.Float64Var(&o.rate, "rate", 500, "events a second of reload, in all")
	flags.Float64Var(&o.calm, "calm", 50, "events a second of the other scenarios")
	flags.IntVar(&o.reloads, "reloads", 20, "how often the config is changed")
	flags.DurationVar(&o.pause, "pause", 200*time.Millisecond, "time between two reloads")
	flags.DurationVar(&o.drain, "drain", 10*time.Second, "what the server may take to let its viewers go")
	flags.IntVar(&o.kills, "kills", 10, "how often a server is killed")
	flags.DurationVar(&o.within, "within", 8*time.Second, "the longest time from the moment at which the first viewers are back to the next kill")
	flags.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "of the moments of the kills")
	flags.IntVar(&o.few, "few", 300, "viewers of abuse")
	flags.IntVar(&o.rounds, "rounds", 3, "how often abuse is measured")
	flags.IntVar(&o.attackers, "attackers", 10_000, "connections of an attack")
	flags.IntVar(&o.pace, "pace", 1000, "requests a second of an attack, in all")
	flags.DurationVar(&o.duration, "time", 5*time.Second, "how long a rate is kept up in abuse")
	flags.DurationVar(&o.settle, "settle", time.Minute, "how long a server may take to give back what it holds")
	stores := o.mixed.flags(flags)
	err := flags.Parse(args)
	if err != nil {
		return nil, err
	}
	if o.mixed.stores, err = rig.Choose(*stores, slices.Sorted(maps.Keys(places)), func(name string) string { return name }); err != nil {
		return nil, err
	}
	o.scenarios, err = rig.Choose(*what, scenarios, func(s scenario) string { return s.name })
	o.attacks = strings.Split(*attacks, ",")
	return o, err
}
