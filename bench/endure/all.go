package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// longest bounds one scenario.
const longest = 30 * time.Minute

// all measures everything that was asked for, and prints the tables.
func (o *options) all(ctx context.Context) error {
	if err := o.prepare(ctx); err != nil {
		return err
	}
	defer o.release()
	missed := false
	for _, s := range o.scenarios {
		reports, err := o.one(ctx, s)
		for _, r := range reports {
			missed = missed || len(r.Missed()) > 0
			if err := r.Print(os.Stdout); err != nil {
				return fmt.Errorf("printing a table: %w", err)
			}
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	if missed && o.check {
		return rig.ErrMissed
	}
	return nil
}

func (o *options) one(ctx context.Context, s scenario) ([]*rig.Report, error) {
	fmt.Fprintln(os.Stderr, s.name)
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	return s.run(ctx, o)
}

// prepare builds the programs, and then keeps to one core.
func (o *options) prepare(ctx context.Context) (err error) {
	if err := o.build(ctx); err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp("", "endure"); err != nil {
		return err
	}
	if o.mixes() && slices.Contains(o.mixed.stores, "postgres") {
		err = o.serve() // before this process keeps to one core
	}
	err = errors.Join(err, rig.Certify(o.dir), rig.RaiseFiles(max(2*o.viewers, o.attackers+o.few)))
	if o.ownCore >= 0 {
		err = errors.Join(err, rig.Pin(o.ownCore))
	}
	return err
}

// release removes what prepare made.
func (o *options) release() {
	if o.postgres != nil {
		o.postgres.Close()
	}
	_ = os.RemoveAll(o.dir) // it is temporary
}

// build makes what is run: the server as users have it, and the attackers.
func (o *options) build(ctx context.Context) error {
	root, err := rig.Root(ctx)
	if err != nil {
		return err
	}
	dir, err := rig.Programs(root)
	if err != nil {
		return err
	}
	o.programs = map[string]string{}
	for name, path := range map[string]string{"caddyjobs": "./cmd/caddy", "attack": "./bench/attack"} {
		o.programs[name] = filepath.Join(dir, name)
		if err := rig.Build(ctx, root, o.programs[name], path); err != nil {
			return fmt.Errorf("building %s: %w", name, err)
		}
	}
	return nil
}
