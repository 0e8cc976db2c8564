package access

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/golang-jwt/jwt/v5"
)

// Defaults and bounds of Tokens.
const (
	defaultCookie = "__Host-jobs"
	defaultLeeway = 30 * time.Second
	largestLeeway = 5 * time.Minute
)

// Tokens are the JSON Web Tokens that are accepted. A token must have been
// signed by one of the keys, with the algorithm of that key, and needs these
// claims:
//
//   - exp, the time of its end, and aud, one of the audiences. nbf and iat are
//     checked where it has them.
//   - jobs, what it allows: a list of job ids, of which those that end in *
//     stand for all that begin so, and * alone for all. One id need not be in a
//     list.
//
// It comes in the header Authorization, as Bearer, or in a cookie; never in the
// URL, which gets logged.
type Tokens struct {
	// Keys are known beforehand. At least one key or JWKS is required.
	Keys []Key `json:"keys,omitempty"`
	// JWKS are the URLs of JSON Web Key Sets. Each must be https, unless its host
	// is this machine: localhost or a loopback address. They are fetched at the
	// first token that needs them, and when they are an hour old; also at a
	// token of an unknown key, at most once a minute. Where that fails, the
	// last good keys stay in use. Secrets, keys for encryption, and keys that do
	// not say for which algorithm they are, are left out; an RSA key without one
	// is for RS256.
	JWKS []string `json:"jwks,omitempty"`
	// Audience is whom tokens must be meant for: their claim aud must have one
	// of these. Required.
	Audience []string `json:"audience,omitempty"`
	// Issuer is who must have issued a token, its claim iss. Default: anybody
	// who has a key.
	Issuer string `json:"issuer,omitempty"`
	// Cookie is the name of the cookie that may have the token. It must begin
	// with __Host-, which keeps other sites and plain HTTP from setting it.
	// Default: __Host-jobs.
	Cookie string `json:"cookie,omitempty"`
	// Leeway is by how much the clocks of issuers may be ahead: tokens are
	// accepted so long before their nbf and iat. Their exp has none: at exp the
	// streams end. Default: 30s; at most 5m.
	Leeway caddy.Duration `json:"leeway,omitempty"`

	fixed    ring
	remote   []*keySet
	parser   *jwt.Parser
	identity string
	closing  sync.Once
}

// Provision sets the defaults, replaces placeholders, and reports what cannot
// work. It opens nothing but the files that placeholders name. Fetches that
// fail later are logged to log. Close must be called when done, even after an
// error.
func (t *Tokens) Provision(log *slog.Logger) error {
	if t.Cookie == "" {
		t.Cookie = defaultCookie
	}
	if t.Leeway == 0 {
		t.Leeway = caddy.Duration(defaultLeeway)
	}
	if err := t.check(); err != nil {
		return err
	}
	for i, k := range t.Keys {
		key, err := k.provision()
		if err != nil {
			return fmt.Errorf("key %d: %w", i+1, err)
		}
		t.fixed = append(t.fixed, key)
	}
	t.parser = t.newParser()
	t.identity = t.newIdentity()
	for _, url := range t.JWKS {
		t.remote = append(t.remote, leaseKeySet(url, log))
	}
	return nil
}

func (t *Tokens) check() error {
	switch leeway := time.Duration(t.Leeway); {
	case len(t.Keys)+len(t.JWKS) == 0:
		return errors.New("there is no key; write who signs the tokens: key <algorithm> <key>, or jwks <url>")
	case len(t.Audience) == 0:
		return errors.New("audience is missing; write whom tokens are for, as their claim aud says it: audience <audience>")
	case slices.Contains(t.Audience, ""):
		return errors.New("audience: one is empty")
	case leeway < 0 || leeway > largestLeeway:
		return fmt.Errorf("leeway is %s; it must be between 0 and %s", leeway, largestLeeway)
	case !strings.HasPrefix(t.Cookie, "__Host-"):
		return fmt.Errorf("cookie: %q must begin with __Host-, as %s does", t.Cookie, defaultCookie)
	}
	if err := (&http.Cookie{Name: t.Cookie}).Valid(); err != nil {
		return fmt.Errorf("cookie: %q is not the name of a cookie", t.Cookie)
	}
	for _, url := range t.JWKS {
		if err := checkURL(url); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tokens) newParser() *jwt.Parser {
	options := []jwt.ParserOption{
		jwt.WithValidMethods(algorithmNames()),
		jwt.WithStrictDecoding(),
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithAudience(t.Audience...),
		jwt.WithLeeway(time.Duration(t.Leeway)),
	}
	if t.Issuer != "" {
		options = append(options, jwt.WithIssuer(t.Issuer))
	}
	return jwt.NewParser(options...)
}

// Close ends what was begun, and waits for it. Tokens are still verified
// afterwards, with the keys at hand.
func (t *Tokens) Close() {
	t.closing.Do(func() {
		for _, s := range t.remote {
			releaseKeySet(s)
		}
	})
}

// Find is the token that a request has, in its header Authorization or else in
// the cookie; empty if it has none.
func (t *Tokens) Find(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if strings.EqualFold(scheme, "Bearer") {
		return strings.Trim(token, " ")
	}
	if c, err := r.Cookie(t.Cookie); err == nil {
		return c.Value
	}
	return ""
}
