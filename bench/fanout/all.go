package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// longest bounds one scenario of one server in one round.
const longest = 15 * time.Minute

var errFailed = errors.New("some measurements failed, see the tables")

// all measures everything that was asked for, and prints the tables of each
// scenario when it is done.
func (o *options) all(ctx context.Context) error {
	if err := o.prepare(ctx); err != nil {
		return err
	}
	defer os.RemoveAll(o.dir)
	failed := false
	all := new(report)
	for _, s := range o.scenarios {
		r := new(report)
		for round := range o.rounds {
			fmt.Fprintf(os.Stderr, "%s: round %d of %d\n", s.name, round+1, o.rounds)
			failed = !o.round(ctx, s, r) || failed
			if err := ctx.Err(); err != nil {
				return err
			}
		}
		if err := r.print(os.Stdout); err != nil {
			return fmt.Errorf("printing the tables: %w", err)
		}
		all.tables = append(all.tables, r.tables...)
	}
	if err := all.printBars(os.Stdout); err != nil {
		return fmt.Errorf("printing the bars: %w", err)
	}
	if failed {
		return errFailed
	}
	return nil
}

// prepare builds the servers, and then keeps to one core.
func (o *options) prepare(ctx context.Context) (err error) {
	if o.programs, err = buildAll(ctx, o.servers); err != nil {
		return err
	}
	if o.dir, err = os.MkdirTemp("", "fanout"); err != nil {
		return err
	}
	err = errors.Join(rig.Certify(o.dir), rig.RaiseFiles(max(o.idleViewers, 2*o.count, o.replayViewers)))
	if o.ownCore >= 0 {
		err = errors.Join(err, rig.Pin(o.ownCore))
	}
	return err
}

// round measures every server once. It returns false if one failed.
func (o *options) round(ctx context.Context, s *scenario, r *report) (ok bool) {
	ok = true
	for _, protocol := range o.protocols {
		for _, server := range o.servers {
			if !server.speaks(protocol) || !s.fits(server) || ctx.Err() != nil {
				continue
			}
			began := time.Now()
			err := o.one(ctx, s, server, protocol, func(k kind, f figures) {
				w := r.row(k, protocol, server.name)
				w.rounds = append(w.rounds, f)
			})
			if err != nil {
				ok = false
				r.row(kind{key: s.name + " failed", title: s.name + ": failures"}, protocol, server.name).failed = err
			}
			fmt.Fprintf(os.Stderr, "  %s %s: %s, %v\n", server.name, protocol, time.Since(began).Round(time.Second), err)
		}
	}
	return ok
}

// one measures one server.
func (o *options) one(
	ctx context.Context, s *scenario, server *server, protocol load.Protocol, put func(kind, figures),
) error {
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	e, err := o.open(ctx, server, protocol)
	if err != nil {
		return err
	}
	if err := s.run(ctx, e, put); err != nil {
		return errors.Join(fmt.Errorf("%w; the server says: %s", err, e.process.Tail()), e.close())
	}
	return e.close()
}
