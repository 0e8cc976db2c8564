package access

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxToken is the length of the longest token, in bytes.
const maxToken = 8 << 10

// head is what a token's header says of its key. It is a claim: it selects
// among keys, and never what a key is used for.
type head struct{ algorithm, kid string }

// Verify checks a token, and returns what it allows. Only a token that no fixed
// key has signed asks the JWKS, and waits for a fetch if there is one to wait
// for, until ctx ends.
//
// Its errors wrap ErrToken, with ErrExpired if nothing is wrong but the time,
// or ErrUnavailable.
func (t *Tokens) Verify(ctx context.Context, raw string) (*Grant, error) {
	h, err := t.head(raw)
	if err != nil {
		return nil, err
	}
	grant, err := t.try(raw, t.fixed.find(h))
	if symmetric(h.algorithm) || len(t.remote) == 0 {
		return grant, err
	}
	var outage error
	for _, age := range []time.Duration{keysLast, keysRest} {
		if !errors.Is(err, errNoKey) {
			return grant, err
		}
		var keys ring
		keys, outage = t.remoteKeys(ctx, age)
		grant, err = t.try(raw, keys.find(h))
		if keys.has(h) {
			return grant, err
		}
	}
	if errors.Is(err, errNoKey) && outage != nil {
		return nil, outage
	}
	return grant, err
}

// head reads a token's header, and refuses tokens that are not to be looked
// into any further.
func (t *Tokens) head(raw string) (head, error) {
	if len(raw) > maxToken {
		return head{}, fmt.Errorf("%w: it is longer than %d bytes", ErrToken, maxToken)
	}
	// The decoder would skip line breaks, and so take several texts for one.
	if strings.ContainsAny(raw, "\r\n") {
		return head{}, fmt.Errorf("%w: it is malformed", ErrToken)
	}
	token, _, err := t.parser.ParseUnverified(raw, jwt.MapClaims{})
	if err != nil {
		return head{}, refuse(err)
	}
	if _, critical := token.Header["crit"]; critical {
		return head{}, fmt.Errorf("%w: it needs extensions that are unknown here", ErrToken)
	}
	h := head{algorithm: token.Method.Alg()}
	if algorithms[h.algorithm] == nil {
		return head{}, fmt.Errorf("%w: its algorithm is not accepted", ErrToken)
	}
	if kid, there := token.Header["kid"]; there {
		var ok bool
		if h.kid, ok = kid.(string); !ok {
			return head{}, fmt.Errorf("%w: its kid is not a string", ErrToken)
		}
	}
	return h, nil
}

// try verifies a token with keys that are all for its algorithm.
func (t *Tokens) try(raw string, keys []jwt.VerificationKey) (*Grant, error) {
	if len(keys) == 0 {
		return nil, errNoKey
	}
	claims := jwt.MapClaims{}
	_, err := t.parser.ParseWithClaims(raw, claims, func(*jwt.Token) (any, error) {
		return jwt.VerificationKeySet{Keys: keys}, nil
	})
	if err != nil {
		return nil, refuse(err)
	}
	return newGrant(claims)
}

// remoteKeys are the keys of all JWKS, with an error if some are missing.
func (t *Tokens) remoteKeys(ctx context.Context, age time.Duration) (all ring, err error) {
	for _, s := range t.remote {
		s.refresh(age) // all at once
	}
	for _, s := range t.remote {
		keys, failure := s.keys(ctx, age)
		all, err = append(all, keys...), errors.Join(err, failure)
	}
	return all, err
}

// Version is a number that changes when the keys of a JWKS do: until then, a
// token that was verified need not be verified again. It also has them fetched
// where they are an hour old, so ask it every now and then. It waits for
// nothing.
func (t *Tokens) Version() (version uint64) {
	for _, s := range t.remote {
		version = version*31 + s.seen()
	}
	return version
}
