package caddyjobs

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// guard looks at the viewers' permits again once per heartbeat, which a reload
// may make shorter, until ctx ends.
func (h *hub) guard(ctx context.Context) {
	for examined := time.Now(); ctx.Err() == nil; {
		select {
		case <-time.After(time.Until(examined.Add(h.tunables.Load().heartbeat))):
			_ = rescued(func() error { h.examine(); return nil }) // which logs it
			examined = time.Now()
		case <-h.adopted:
		case <-ctx.Done():
		}
	}
}

// examine ends the streams of viewers who may not watch any more, and of jobs that
// are gone. One question is enough for all their jobs.
func (h *hub) examine() {
	viewers := h.viewers()
	t := h.tunables.Load()
	jobs := map[joblog.Ask]struct{}{}
	var gone []*viewer
	for _, v := range viewers {
		v.cutLate()
		p, why := v.permit.Load().under(h.life, t.rules, v.job)
		if why != "" {
			v.end(why, time.Now().Add(rand.N(max(spread(len(viewers), t.drain), 1))))
			gone = append(gone, v)
			continue
		}
		v.permit.Store(p)
		jobs[joblog.Ask{ID: v.job.ID, AnyOwner: true}] = struct{}{}
	}
	gone = append(gone, h.strangers(viewers, jobs)...)
	if len(gone) > 0 {
		h.summon()
	}
}

// viewers are the streams of the hub.
func (h *hub) viewers() []*viewer {
	return everyone.all(func(v *viewer) bool { return v.hub == h })
}

// strangers ends the streams of jobs that now belong to somebody else, or that
// are not there any more, or not the same any more.
func (h *hub) strangers(viewers []*viewer, asks map[joblog.Ask]struct{}) (gone []*viewer) {
	if len(asks) == 0 {
		return nil
	}
	jobs, err := h.lookup.all(h.life, slices.Collect(maps.Keys(asks)))
	if h.doubts++; err == nil {
		h.doubts = 0
	} else if h.doubts < mostDoubts || !errors.Is(err, joblog.ErrUnserved) {
		return nil
	}
	for _, v := range viewers {
		ask := joblog.Ask{ID: v.job.ID, AnyOwner: true}
		job, there := jobs[ask]
		if _, asked := asks[ask]; !asked {
			continue
		}
		switch mine := v.permit.Load().ask(v.job.ID); {
		case err != nil && !mine.AnyOwner:
			v.end(dismissed, time.Now())
		case err != nil:
			continue
		case !there:
			v.end(vanished, time.Now())
		case !mine.Allows(job):
			v.end(expired, time.Now())
		case v.ends() == nil:
			continue
		}
		gone = append(gone, v)
	}
	return gone
}

// mostDoubts is how often in a row owners may not be known before their viewers
// are to ask again. While the store does not answer at all it does not matter:
// viewers then see nothing new.
const mostDoubts = 3
