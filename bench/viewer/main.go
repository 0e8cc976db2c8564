package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// options are what the flags say.
type options struct {
	parts []part
	check bool

	opened, navigations int
	lines, steps        int
	rate                int
	time                time.Duration
}

// part is something that is measured, with a server and a browser of its own.
type part struct {
	name    string
	measure func(ctx context.Context, o *options, s *site, b *browser) (*rig.Report, error)
}

var parts = []part{{"first", first}, {"million", million}, {"live", live}}

func main() { rig.Command("viewer", parse, (*options).all) }

func parse(args []string) (*options, error) {
	o := new(options)
	flags := flag.NewFlagSet("viewer", flag.ContinueOnError)
	what := flags.String("parts", "first,million,live", "what is measured, separated by commas")
	flags.BoolVar(&o.check, "check", false, "fail if a bar is missed")
	flags.IntVar(&o.opened, "opened", 100_000, "lines of first")
	flags.IntVar(&o.navigations, "navigations", 15, "how often first opens the page")
	flags.IntVar(&o.lines, "lines", 1_000_000, "lines of million")
	flags.IntVar(&o.steps, "steps", 600, "frames in which million is scrolled from end to end")
	flags.IntVar(&o.rate, "rate", 1000, "lines a second of live")
	flags.DurationVar(&o.time, "time", time.Minute, "how long live takes")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	var err error
	o.parts, err = rig.Choose(*what, parts, func(p part) string { return p.name })
	return o, err
}

// longest bounds one part.
const longest = 10 * time.Minute

// build makes the server as users have it, and returns where it is, and the
// module's directory.
func build(ctx context.Context) (root, program string, err error) {
	if root, err = rig.Root(ctx); err != nil {
		return "", "", err
	}
	dir, err := rig.Programs(root)
	if err != nil {
		return "", "", err
	}
	program = filepath.Join(dir, "caddyjobs-viewer")
	return root, program, rig.Build(ctx, root, program, "./cmd/caddy")
}

// all measures everything that was asked for, and prints the tables.
func (o *options) all(ctx context.Context) error {
	root, program, err := build(ctx)
	if err != nil {
		return err
	}
	missed := false
	for _, p := range o.parts {
		r, err := o.one(ctx, p, root, program)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		missed = missed || len(r.Missed()) > 0
		if err := r.Print(os.Stdout); err != nil {
			return err
		}
	}
	if missed && o.check {
		return rig.ErrMissed
	}
	return nil
}

func (o *options) one(ctx context.Context, p part, root, program string) (r *rig.Report, err error) {
	fmt.Fprintln(os.Stderr, p.name)
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	home, err := os.MkdirTemp("", "viewer")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(home)
	s, err := newSite(ctx, program, home)
	if s != nil {
		defer func() { err = errors.Join(err, s.close()) }()
	}
	if err != nil {
		return nil, err
	}
	b, err := newBrowser(ctx, root, home)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	return p.measure(ctx, o, s, b)
}
