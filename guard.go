package caddyjobs

import (
	"context"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// guard looks at the viewers' permits again once per heartbeat, until ctx ends.
func (h *hub) guard(ctx context.Context) {
	for ctx.Err() == nil {
		pause(ctx, h.tunables.Load().heartbeat)
		h.examine()
	}
}

// examine ends the streams of viewers who may not watch any more. One question
// is enough for the owners of all their jobs; if the store does not answer, all
// go on: they see nothing new meanwhile.
func (h *hub) examine() {
	viewers := everyone.all(func(v *viewer) bool { return v.hub == h })
	t := h.tunables.Load()
	owned := map[joblog.Ask]struct{}{}
	var gone []*viewer
	for _, v := range viewers {
		p, why := v.permit.Load().under(t.rules)
		if why != "" {
			v.end(why, time.Now().Add(rand.N(spread(len(viewers), t.drain))))
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

// strangers ends the streams of jobs that now belong to somebody else.
func (h *hub) strangers(viewers []*viewer, owned map[joblog.Ask]struct{}) (gone []*viewer) {
	if len(owned) == 0 {
		return nil
	}
	jobs, err := h.jobs(slices.Collect(maps.Keys(owned)))
	if err != nil {
		return nil // the health of the store tells
	}
	for _, v := range viewers {
		ask := v.permit.Load().ask(v.job.ID)
		if _, asked := owned[ask]; asked && !ask.Allows(jobs[ask]) {
			v.end(expired, time.Now())
			gone = append(gone, v)
		}
	}
	return gone
}
