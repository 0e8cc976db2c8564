package main

import (
	"context"
	"fmt"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// first measures how soon a page shows a line.
func first(ctx context.Context, o *options, s *site, b *browser) (*rig.Report, error) {
	const job = "first"
	if err := s.addLines(ctx, job, o.opened); err != nil {
		return nil, err
	}
	r := &rig.Report{Title: fmt.Sprintf("first: %d lines, %d navigations", o.opened, o.navigations)}
	var all []float64
	for i := range o.navigations {
		if err := b.open(s.page(job)); err != nil {
			return nil, err
		}
		var ms float64
		if err := b.eval(&ms, "bench.painted"); err != nil {
			return nil, err
		}
		if i == 0 {
			r.Hold("first line ms, nobody was there before", ms, 300)
		}
		if err := b.await(`$('.port').getAttribute('aria-rowcount') === '%d'`, o.opened); err != nil {
			return nil, err
		}
		all = append(all, ms)
	}
	r.Add("first line ms, median", quantile(all, 0.5))
	r.Hold("first line ms, longest", quantile(all, 1), 300)
	return r, nil
}
