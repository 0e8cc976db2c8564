package caddyjobs

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// spacing is the least time between the beginnings of two ticks: what comes
// meanwhile is gathered.
const spacing = 2 * time.Millisecond

// soonest is the time from one tick to the next while rows flow, whether the
// store gives hints or not. When none come it doubles, up to the interval.
const soonest = 50 * time.Millisecond

// poller is the one loop of a hub that reads what its emitters lack. It ticks
// once per interval, sooner while rows flow, and at once when it is poked, as
// long as somebody watches; else it sleeps and the store has no query from it.
type poller struct {
	hub    *hub
	tail   joblog.Tail        // nil if none is followed
	listen context.CancelFunc // nil if the store's hints are not listened to

	jobs   map[string]*watched // the live ones, as of the last survey
	names  map[string]struct{} // their ids
	fresh  []*watched          // those that are yet to be opened
	rings  []*joblog.Emitter   // of all jobs, those that have ended included
	grown  int                 // what was appended to them since they were trimmed, about, in bytes
	passes []*pass             // to be told of the tick that is under way
	asks   *asks

	wanted  time.Time     // when the last tick was to begin
	started time.Time     // when it began
	first   bool          // it opened the tail, which takes longer
	whole   time.Time     // when the last one began that found out all
	heard   time.Time     // when there was the first hint since then; zero if there was none
	woken   bool          // poked since then
	found   int           // rows, by that tick
	more    bool          // the last tick left something
	pace    time.Duration // from that tick to the next
}

// run ticks until ctx ends.
func (p *poller) run(ctx context.Context) {
	p.asks = new(asks)
	for p.wait(ctx) {
		p.tick(ctx)
	}
	p.deafen()
}

// wait waits until the next tick is due. It returns false if ctx ended.
func (p *poller) wait(ctx context.Context) bool {
	noticed := time.Now()
	for ctx.Err() == nil {
		var due <-chan time.Time
		if at, needed := p.due(); needed {
			d := time.Until(at)
			if d <= 0 {
				p.wanted = later(at, noticed)
				return true
			}
			due = time.After(d)
		}
		select {
		case <-due: // it is now
		case <-p.hub.wake:
			p.woken, noticed = true, time.Now()
		case <-ctx.Done():
		}
	}
	return false
}

// due is when the next tick is to be; needed is false if none is.
func (p *poller) due() (at time.Time, needed bool) {
	live, waiting, none := p.hub.demand()
	waiting = waiting || len(p.passes) > 0
	p.hear(live)
	if !live && !waiting {
		if p.woken = false; none {
			p.forget()
		}
		return at, false
	}
	at = p.started.Add(min(p.pace, p.hub.tunables.Load().interval))
	if p.woken || waiting || p.more {
		at = p.started.Add(spacing)
	}
	if end, ok := p.asks.ends.next(p.hub.tunables.Load().after); ok {
		at = earlier(at, later(end, p.started.Add(soonest))) // those that are due at about the same time share a tick
	}
	if retry := p.hub.health.retryAt(); retry.After(at) {
		at = retry
	}
	return at, true
}

// forget lets go of all that was followed, since nobody is left: the next viewer
// starts a new tail where the store then is.
func (p *poller) forget() {
	p.tail, p.asks, p.grown = nil, new(asks), 0
	p.jobs, p.names, p.fresh, p.rings = nil, nil, nil, nil
}

// tick reads once, and tells those who wait for it.
func (p *poller) tick(ctx context.Context) {
	p.started, p.woken, p.found = time.Now(), false, 0
	p.survey()
	more, err := p.read(ctx)
	if ctx.Err() != nil {
		err = ctx.Err()
	} else if errors.Is(err, joblog.ErrRewound) {
		p.hub.log.Warn("the store went back in time; viewers are shown its logs as they now are", "error", err)
		p.tail = nil
		p.hub.rewind()
		more, err = true, nil
	} else {
		p.measure(err)
	}
	p.more = more
	if more {
		return
	}
	for _, waiting := range p.passes {
		waiting.err = err
		close(waiting.done)
	}
	p.passes = nil
}

// survey takes over what has changed in the hub: who waits for this tick, which
// jobs are watched, and which to ask about.
func (p *poller) survey() {
	h := p.hub
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.waiting != nil {
		p.passes = append(p.passes, h.waiting)
		h.waiting = nil
		p.pace = soonest / 2 // a job is often opened while it is busy
	}
	if h.changed {
		h.changed = false
		p.jobs, p.names, p.rings, p.fresh = map[string]*watched{}, map[string]struct{}{}, nil, nil
		for job, w := range h.watched {
			p.rings = append(p.rings, w.em)
			if !w.ended {
				p.jobs[job], p.names[job] = w, struct{}{}
				if !w.opened {
					p.fresh = append(p.fresh, w)
				}
			}
		}
	}
	for _, job := range h.ask {
		if w := p.jobs[job]; w != nil {
			p.asks.add(w)
		}
	}
	h.ask = nil
	if p.heard.IsZero() {
		p.heard = h.heard
	}
	h.heard = time.Time{}
}

// read makes one Next of the tail and hands out what it found. Its errors are
// those of judge, and joblog.ErrRewound.
func (p *poller) read(ctx context.Context) (more bool, err error) {
	bounded, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	err = rescued(func() (err error) {
		more, err = p.next(bounded)
		return err
	})
	if errors.Is(err, joblog.ErrRewound) {
		return more, err
	}
	err = p.hub.judge(ctx, bounded, err)
	if !errors.Is(err, errStoreDown) {
		p.hub.health.feed(err)
	}
	return more, err
}

func (p *poller) next(ctx context.Context) (more bool, err error) {
	if p.tail == nil {
		p.first = true
		if p.tail, err = p.hub.store.Tail(ctx); err != nil {
			p.tail = nil
			return false, err
		}
		p.caughtUp()
	}
	p.open()
	t := p.hub.tunables.Load()
	p.asks.confirm(p.started, t.after)
	ask, all := p.asks.due(p.started, t.interval, p.jobs)
	tick, err := p.tail.Next(ctx, joblog.Watch{Jobs: p.names, Ask: ask})
	if err != nil {
		return false, err
	}
	if !tick.More { // else states were not looked at
		p.asks.answered(p.started, all)
	}
	p.deliver(tick)
	p.conclude(ask, &tick)
	if !tick.More {
		p.caughtUp()
	}
	return tick.More, nil
}

// caughtUp says that what the tail finds next was not there when the tick that
// is under way began.
func (p *poller) caughtUp() { p.whole, p.heard = p.started, time.Time{} }

// since is the earliest time at which what a tick finds may have become visible.
func (p *poller) since() time.Time {
	if p.heard.IsZero() {
		return p.whole
	}
	return p.heard
}

// measure counts a tick that has just ended.
func (p *poller) measure(err error) {
	m := p.hub.meters.Load()
	m.polls.Observe(time.Since(p.started).Seconds())
	m.rows.Add(float64(p.found))
	if err != nil {
		m.failures.Inc()
	} else if !p.first {
		p.hub.pace.ticked(p.wanted)
	}
	p.first = false
	p.hub.tracePoll(p.started, p.found, len(p.jobs), err)
}

// open opens the emitters that are new: what the tail's position covers, their
// viewers read from the store.
func (p *poller) open() {
	for _, w := range p.fresh {
		w.em.Open(p.tail.Position())
		w.opened = true
		p.asks.add(w)
	}
	p.fresh = nil
}

// deliver hands out a tick.
func (p *poller) deliver(tick joblog.Tick) {
	// First the position: a stream that begins now replays up to it, and must
	// find all that it does not cover in its emitter.
	p.hub.position.Store(&tick.Position)
	p.found = len(tick.Events)
	p.pace = min(2*p.pace, p.hub.tunables.Load().interval) // bounded, or it would overflow in a minute
	// By job; each one's rows stay as they are, ascending.
	slices.SortStableFunc(tick.Events, func(a, b joblog.Event) int { return cmp.Compare(a.Job, b.Job) })
	for from, to := 0, 0; to < len(tick.Events); from = to {
		job := tick.Events[from].Job
		for ; to < len(tick.Events) && tick.Events[to].Job == job; to++ {
			p.grown += tick.Events[to].Size()
		}
		w := p.jobs[job]
		if rescued(func() error { w.em.Append(tick.Position, p.since(), tick.Events[from:to]); return nil }) != nil {
			p.hub.restart(w) // its viewers read what they lack from the store
			continue
		}
		w.proof.note(tick.Events[from:to], p.hub.lookup.asked.Load())
		p.asks.rows(w)
		p.pace = soonest
	}
	if p.grown > p.hub.tunables.Load().history/trimParts {
		p.grown = 0
		p.trim()
	}
}

// trimParts is how often rings are looked at while they grow by their bound:
// to look at all of them costs more than a few rows.
const trimParts = 32

// trim keeps all rings, and then the sheets, together within the bound.
func (p *poller) trim() {
	bound, total := p.hub.tunables.Load().history, 0
	bound -= bound / trimParts * 2 // what comes until the next time, encoded
	for _, em := range p.rings {
		total += em.Size()
	}
	if total > bound {
		evicted := 0
		for _, em := range p.rings {
			evicted += em.Trim(int(float64(em.Size()) * float64(bound) / float64(total)))
		}
		p.hub.meters.Load().evicted.Add(float64(evicted))
	}
	p.hub.shelf.fit(bound - total)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
