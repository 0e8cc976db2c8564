package caddyjobs

import (
	"context"
	"errors"
	"net/http"
	"slices"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyjobs/caddyjobs/access"
)

// rules are what a handler asks of viewers.
type rules struct {
	set    *ruleset       // of which they are
	place  string         // tells the handlers of a config apart, and is the same in the next config
	owner  string         // whose jobs are shown, with placeholders; empty for everybody's
	tokens *access.Tokens // of which one is needed; nil if none is
	links  *access.Links  // which let in, whatever else is asked for; nil if there are none
	scope  string         // of the links
	free   *permit        // of all viewers, if the rules ask for nothing
}

// ruleset are the rules of all handlers of a store in one config, in their order.
type ruleset struct{ all []*rules }

func (s *ruleset) add(u *rules) {
	u.set, u.free = s, &permit{rules: u}
	s.all = append(s.all, u)
}

// at are those at a place.
func (s *ruleset) at(place string) (here []*rules) {
	if s.empty() {
		return nil
	}
	for _, u := range s.all {
		if u.place == place {
			here = append(here, u)
		}
	}
	return here
}

// open reports whether there are handlers, and all ask for nothing.
func (s *ruleset) open() bool {
	return !s.empty() && !slices.ContainsFunc(s.all, func(u *rules) bool { return !u.open() })
}

// empty reports whether there is no handler.
func (s *ruleset) empty() bool { return s == nil || len(s.all) == 0 }

// open reports whether they ask for nothing.
func (u *rules) open() bool { return u.owner == "" && u.tokens == nil }

// same reports whether what one lets in, but for links, the other lets in, too.
func (u *rules) same(other *rules) bool {
	return u.owner == other.owner && u.identity() == other.identity()
}

func (u *rules) identity() string {
	if u.tokens == nil {
		return ""
	}
	return u.tokens.Identity()
}

// admit returns the permit of whoever makes a request for a job, by what they
// show.
func (u *rules) admit(ctx context.Context, r *http.Request, link, job string) (*permit, *refusal) {
	for _, l := range append([]string{link}, linkCookies(r)...) {
		if p, err := u.linked(l, job); err == nil {
			return p, nil
		}
	}
	if link != "" {
		return nil, unauthorized("the link is not good for this job, or has expired")
	}
	if u.open() {
		return u.free, nil
	}
	p := &permit{rules: u}
	if u.tokens != nil {
		if err := u.verify(ctx, p, u.tokens.Find(r)); err != nil {
			return nil, refuseToken(err)
		}
		setUser(r, p.grant.Subject)
	}
	if u.owner != "" {
		p.owner = replace(r, u.owner)
	}
	return p, nil
}

// linked returns the permit of a link. Its errors wrap access.ErrLink.
func (u *rules) linked(link, job string) (*permit, error) {
	if u.links == nil || link == "" {
		return nil, access.ErrLink
	}
	expires, err := u.links.Check(link, u.scope, job)
	if err != nil {
		return nil, err
	}
	return &permit{rules: u, link: link, asked: job, expires: expires}, nil
}

// verify puts what a token grants into a permit. It may return access.ErrToken
// and access.ErrUnavailable.
func (u *rules) verify(ctx context.Context, p *permit, token string) (err error) {
	p.token, p.version = token, u.tokens.Version() // first: the keys may change meanwhile
	if p.grant, err = u.tokens.Verify(ctx, token); err != nil {
		return err
	}
	p.expires = p.grant.Expires
	return nil
}

// refuseToken says why somebody is not let in by a token.
func refuseToken(err error) *refusal {
	if errors.Is(err, access.ErrUnavailable) {
		return &refusal{reason: "tokens cannot be verified at the moment", kind: "keys"}
	}
	return unauthorized("a token is needed: as Authorization: Bearer, or in its cookie; it is missing, not valid, or has expired")
}

func unauthorized(reason string) *refusal {
	return &refusal{http.StatusUnauthorized, reason, "unauthorized"}
}

// setUser lets placeholders stand for the subject of a token, as they do for
// whom an authentication handler let in.
func setUser(r *http.Request, subject string) {
	if repl, ok := r.Context().Value(caddy.ReplacerCtxKey).(*caddy.Replacer); ok && subject != "" {
		repl.Set("http.auth.user.id", subject)
	}
}
