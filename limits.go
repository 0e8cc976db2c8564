package caddyjobs

import (
	"fmt"

	"golang.org/x/time/rate"
)

// Limits bound how many viewers there may be at once, in this process. Who comes
// beyond them is told, in the stream, to come again later. They are for those
// who come from now on: a reload ends no stream.
type Limits struct {
	// Viewers is how many there may be in all. Default: as many as the limit of
	// open files allows, less 256.
	Viewers int `json:"viewers,omitempty"`
	// PerAddress is how many there may be from one client address, or from one
	// /64 of IPv6. Behind a proxy, trusted_proxies must be set, or all viewers
	// have the proxy's. Default: no limit.
	PerAddress int `json:"per_address,omitempty"`
	// PerUser is how many there may be of one user: {http.auth.user.id}, which an
	// authentication handler sets, or the subject of a token. Default: no limit.
	PerUser int `json:"per_user,omitempty"`
	// PerJob is how many there may be of one job. Default: no limit.
	PerJob int `json:"per_job,omitempty"`
	// NewPerSecond is how many may come in a second, those that are then refused
	// for another reason included; as many may come at once. Default: no limit.
	NewPerSecond int `json:"new_per_second,omitempty"`

	newcomers *rate.Limiter
}

// provision makes the limits ready.
func (l *Limits) provision() {
	l.newcomers = rate.NewLimiter(rate.Inf, 0)
	if l.NewPerSecond > 0 {
		l.newcomers = rate.NewLimiter(rate.Limit(l.NewPerSecond), l.NewPerSecond)
	}
}

// validate reports limits that cannot be.
func (l *Limits) validate() error {
	for name, n := range map[string]int{
		"viewers": l.Viewers, "per_address": l.PerAddress, "per_user": l.PerUser, "per_job": l.PerJob, "new_per_second": l.NewPerSecond,
	} {
		if n < 0 {
			return fmt.Errorf("limits: %s is %d; it must not be negative", name, n)
		}
	}
	return nil
}

// newcomer takes notice of a request for a stream, and refuses it if there were
// too many just before.
func (l *Limits) newcomer() *refusal {
	if l.newcomers.Allow() {
		return nil
	}
	return tooMany("new viewers", "too many viewers come at once")
}

// tooMany refuses for now.
func tooMany(kind, reason string) *refusal { return &refusal{kind: kind, reason: reason} }
