package caddyjobs

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/access"
	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/parking"
)

// permit is why a viewer may see its job. It is not changed once it is made.
type permit struct {
	rules   *rules    // by which it was let in
	expires time.Time // zero if it does not

	owner string // who asks, if the rules have an owner and there is no link

	link  string // by which it was let in; empty if not by one
	asked string // the job's id, as the link has it

	token   string // by which it was let in; empty if none was needed
	version uint64 // of the keys that verified it
	grant   *access.Grant
}

// ask is the question for a job, of which the store tells only whom it belongs to.
func (p *permit) ask(id string) joblog.Ask {
	return joblog.Ask{ID: id, Owner: p.owner, AnyOwner: p.link != "" || p.rules.owner == ""}
}

// allows reports whether the job may be seen.
func (p *permit) allows(job joblog.Job) bool {
	return p.ask(job.ID).Allows(job) && (p.grant == nil || p.grant.Allows(job.ID))
}

// under returns the permit that the viewer of a job has under the rules of the
// running config, or why it has none. Where several handlers are at one place, it
// is known which of them is its own only as long as nothing changes there.
func (p *permit) under(ctx context.Context, current *ruleset, job joblog.Job) (*permit, parking.Reason) {
	if p.rules.set == current {
		return p.by(ctx, p.rules, job)
	}
	there, here := p.rules.set.at(p.rules.place), current.at(p.rules.place)
	other := func(u *rules) bool { return !u.same(p.rules) }
	switch {
	case len(here) == 0 && p.rules.open() && current.open():
		return p, "" // its handler is elsewhere, or gone, and nothing is asked of anybody
	case slices.EqualFunc(there, here, (*rules).same):
		return p.by(ctx, here[slices.Index(there, p.rules)], job)
	case len(here) > 0 && !slices.ContainsFunc(slices.Concat(there, here), other), len(there) == 1 && len(here) == 1:
		return p.by(ctx, here[0], job)
	default:
		return nil, dismissed // it comes again, and is asked
	}
}

// by is the permit by some rules, if what is known of the viewer is enough; else
// it comes again, and is asked.
func (p *permit) by(ctx context.Context, u *rules, job joblog.Job) (*permit, parking.Reason) {
	if p.link != "" {
		return p.relinked(u)
	}
	switch {
	case u.owner != "" && u.owner != p.rules.owner, u.tokens != nil && p.token == "":
		return nil, dismissed
	case u.owner != "" && u.tokens == nil && p.token != "":
		return nil, dismissed // the token may have said who asks
	}
	if u.open() {
		return u.free, ""
	}
	next := *p
	next.rules = u
	if u.tokens == nil {
		next.token, next.grant, next.expires = "", nil, time.Time{}
		return &next, ""
	}
	if u.identity() == p.rules.identity() && u.tokens.Version() == p.version {
		return &next, ""
	}
	switch err := u.verify(ctx, &next, p.token); {
	case errors.Is(err, access.ErrUnavailable):
		return p, "" // the keys that are known were good enough
	case err != nil || !next.grant.Allows(job.ID):
		return nil, expired
	default:
		return &next, ""
	}
}

func (p *permit) relinked(u *rules) (*permit, parking.Reason) {
	if u == p.rules {
		return p, ""
	}
	next, err := u.linked(p.link, p.asked)
	if err != nil {
		return nil, expired
	}
	return next, ""
}
