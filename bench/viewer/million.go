package main

import (
	"context"
	"fmt"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// The bars of a million lines.
const (
	smooth   = 33.0   // ms, 95 of 100 frames
	mostHeap = 400.0  // MB
	found    = 2000.0 // ms
)

// long is a long log in a browser.
type long struct {
	*browser
	r    *rig.Report
	most heap // of all that were looked at lately
}

// million measures a page that has very many lines.
func million(ctx context.Context, o *options, s *site, b *browser) (*rig.Report, error) {
	const job = "million"
	if err := s.addLines(ctx, job, o.lines); err != nil {
		return nil, err
	}
	if err := s.setState(ctx, job, "completed"); err != nil {
		return nil, err
	}
	l := &long{browser: b, r: &rig.Report{Title: fmt.Sprintf("million: %d lines", o.lines)}}
	if err := l.load(ctx, s.page(job), o.lines); err != nil {
		return nil, err
	}
	if err := l.scroll(o.steps); err != nil {
		return nil, err
	}
	for _, q := range []struct {
		text    string
		pattern bool
	}{
		{"//src/lib/module17:", false},
		{"no line has this", false},
		{"a", false},
		{`ERROR in module \d+: .*got 4\d$`, true},
		{"(passed|took) in? ?9\\d* ms", true},
		{"no line|has this", true},
		{`\d`, true},
	} {
		if err := l.search(ctx, q.text, q.pattern); err != nil {
			return nil, err
		}
	}
	return l.r, l.addHeap("searched")
}

// load opens the page, and waits until all is there.
func (l *long) load(ctx context.Context, address string, lines int) error {
	begun := time.Now()
	if err := l.open(address); err != nil {
		return err
	}
	if err := l.watch(ctx, fmt.Sprintf(`$('.port').getAttribute('aria-rowcount') === '%d'`, lines)); err != nil {
		return err
	}
	l.r.Add("seconds until all lines are there", time.Since(begun).Seconds())
	return l.addHeap("loaded")
}

// scroll goes up and down as fast as can be, and again with long lines wrapped.
func (l *long) scroll(steps int) error {
	if err := l.sweeps("", steps); err != nil {
		return err
	}
	var frames []float64
	if err := l.gestures(&frames); err != nil {
		return err
	}
	addFrames(l.r, "gestures", frames, smooth)
	if err := l.call(nil, "press", "w"); err != nil {
		return err
	}
	if err := l.sweeps("wrapped, ", steps); err != nil {
		return err
	}
	if err := l.call(nil, "press", "w"); err != nil {
		return err
	}
	return l.addHeap("scrolled")
}

// sweeps goes up and down.
func (l *long) sweeps(name string, steps int) error {
	for _, way := range []struct {
		name string
		up   bool
	}{{"up", true}, {"down", false}} {
		var frames []float64
		if err := l.eval(&frames, "bench.sweep(%d, %v)", steps, way.up); err != nil {
			return err
		}
		addFrames(l.r, name+way.name, frames, smooth)
		if err := l.look(); err != nil {
			return err
		}
	}
	return nil
}

func (l *long) gestures(frames *[]float64) error {
	if err := l.eval(nil, "void (bench.end = bench.frames())"); err != nil {
		return err
	}
	for _, by := range []int{-60_000, 60_000} {
		if err := l.call(nil, "glide", by, 20_000); err != nil {
			return err
		}
	}
	return l.eval(frames, "bench.end()")
}

// search measures one.
func (l *long) search(ctx context.Context, text string, pattern bool) error {
	var took struct {
		First, All float64
		Hits       string
	}
	if err := l.eval(nil, "void (bench.took = null, bench.search(%q, %v).then((t) => { bench.took = t }))", text, pattern); err != nil {
		return err
	}
	if err := l.watch(ctx, "bench.took !== null"); err != nil {
		return err
	}
	if err := l.eval(&took, "bench.took"); err != nil {
		return err
	}
	kind := map[bool]string{true: "pattern", false: "text"}[pattern]
	l.r.Add(fmt.Sprintf("%s `%s` (%s): ms to the first", kind, text, took.Hits), took.First)
	l.r.Hold(fmt.Sprintf("%s `%s`: ms to the last", kind, text), took.All, found)
	return nil
}

// watch looks at the heap until something is true.
func (l *long) watch(ctx context.Context, holds string) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		var done bool
		if err := l.eval(&done, "Boolean(root?.querySelector('.port') && (%s))", holds); err != nil {
			return err
		}
		if err := l.look(); err != nil || done {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("it is not true that %s: %w", holds, ctx.Err())
		}
	}
}

func (l *long) look() error {
	var h heap
	err := l.call(&h, "heap")
	if h.all() > l.most.all() {
		l.most = h
	}
	return err
}

// addHeap adds the most that the heap had since the last time, and what is
// left of it.
func (l *long) addHeap(when string) error {
	l.r.Hold("heap MB, "+when+", the most", l.most.all(), mostHeap)
	l.most = heap{}
	var left heap
	err := l.call(&left, "collected")
	l.r.Add("heap MB, "+when+", collected", left.all())
	return err
}
