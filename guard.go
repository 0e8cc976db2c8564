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

// examine ends the streams of viewers who may not watch any more. One question
// is enough for the owners of all their jobs.
func (h *hub) examine() {
	viewers := h.viewers()
	t := h.tunables.Load()
	owned := map[joblog.Ask]struct{}{}
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
		if ask := p.ask(v.job.ID); !ask.AnyOwner {
			owned[ask] = struct{}{}
		}
	}
	gone = append(gone, h.strangers(viewers, owned)...)
	if len(gone) > 0 {
		h.summon()
	}
}

// viewers are the streams of the hub.
func (h *hub) viewers() []*viewer {
	return everyone.all(func(v *viewer) bool { return v.hub == h })
}

// strangers ends the streams of jobs that now belong to somebody else.
func (h *hub) strangers(viewers []*viewer, owned map[joblog.Ask]struct{}) (gone []*viewer) {
	if len(owned) == 0 {
		return nil
	}
	jobs, err := h.jobs(slices.Collect(maps.Keys(owned)))
	why := expired
	if h.doubts++; err == nil {
		h.doubts = 0
	} else if why = dismissed; h.doubts < mostDoubts || !errors.Is(err, joblog.ErrUnserved) {
		return nil
	}
	for _, v := range viewers {
		ask := v.permit.Load().ask(v.job.ID)
		if _, asked := owned[ask]; asked && !ask.Allows(jobs[ask]) {
			v.end(why, time.Now())
			gone = append(gone, v)
		}
	}
	return gone
}

// mostDoubts is how often in a row owners may not be known before their viewers
// are to ask again. While the store does not answer at all it does not matter:
// viewers then see nothing new.
const mostDoubts = 3
