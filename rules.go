package caddyjobs

import (
	"net/http"
	"slices"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/parking"
)

// rules are what a handler asks of viewers.
type rules struct {
	place string // tells the handlers of a config apart, and is the same in the next config
	owner string // whose jobs are shown, with placeholders; empty for everybody's
}

// open reports whether they ask for nothing.
func (u *rules) open() bool { return u.owner == "" }

// same reports whether what one lets in, the other lets in, too.
func (u *rules) same(other *rules) bool { return u.owner == other.owner }

// permit is why a viewer may see its job.
type permit struct {
	rules   *rules // by which it was let in
	owner   string // who asks, if the rules have an owner
	expires time.Time
}

// admit returns the permit of whoever makes a request, by what they show.
func (u *rules) admit(r *http.Request) (*permit, *refusal) {
	p := &permit{rules: u}
	if u.owner != "" {
		p.owner = replace(r, u.owner)
	}
	return p, nil
}

// ask is the question for a job, of which the store tells only whom it belongs to.
func (p *permit) ask(id string) joblog.Ask {
	return joblog.Ask{ID: id, Owner: p.owner, AnyOwner: p.rules.owner == ""}
}

// allows reports whether the job may be seen.
func (p *permit) allows(job joblog.Job) bool { return p.ask(job.ID).Allows(job) }

// under returns the permit that a viewer has under the rules of the running
// config, or why it has none.
func (p *permit) under(current []*rules) (*permit, parking.Reason) {
	if slices.Contains(current, p.rules) {
		return p, ""
	}
	here := slices.DeleteFunc(slices.Clone(current), func(u *rules) bool { return u.place != p.rules.place })
	if i := slices.IndexFunc(here, p.rules.same); i >= 0 {
		return p.by(here[i]), ""
	}
	switch {
	case len(here) == 0 && p.rules.open():
		return p, "" // its handler is gone, and nothing was asked of it
	case len(here) == 1:
		return p.anew(here[0])
	default:
		return nil, dismissed // it is not known which of them it would meet: it comes again, and is asked
	}
}

// by is the permit by rules that are the same.
func (p *permit) by(u *rules) *permit {
	q := *p
	q.rules = u
	return &q
}

// anew is the permit by other rules, if what is known of the viewer is enough.
func (p *permit) anew(u *rules) (*permit, parking.Reason) {
	if u.owner != "" && u.owner != p.rules.owner {
		return nil, dismissed
	}
	return p.by(u), ""
}
