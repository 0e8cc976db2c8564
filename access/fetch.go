package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"time"

	"github.com/MicahParks/jwkset"
)

// Bounds of a fetch.
const (
	fetchTimeout = 5 * time.Second
	maxDocument  = 256 << 10
)

// client keeps no connection: there is a fetch an hour. It follows no redirect,
// which would lead around checkURL.
var client = &http.Client{
	Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	Timeout:       fetchTimeout,
}

// checkURL reports a URL from which keys cannot be had, or not safely.
func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("jwks: one of them is not a URL such as https://id.example.com/.well-known/jwks.json; it must have a host, and no user")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return fmt.Errorf("jwks: the keys at %s must be fetched by https, or else anybody on the way could replace them", u.Hostname())
	}
	return nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// document is what was fetched.
type document struct {
	keys    ring
	leftOut []string // which keys are not used, and why
}

// download fetches a JWKS, and keeps the keys that can be used.
func download(ctx context.Context, address string) (document, error) {
	body, err := get(ctx, address)
	if err != nil {
		return document{}, err
	}
	var set jwkset.JWKSMarshal
	if err := json.Unmarshal(body, &set); err != nil || set.Keys == nil {
		return document{}, errors.New("the answer is not a JWKS")
	}
	var d document
	for _, jwk := range set.Keys {
		k, err := usable(jwk)
		if err != nil {
			d.leftOut = append(d.leftOut, fmt.Sprintf("%q: %v", jwk.KID, err))
			continue
		}
		d.keys = append(d.keys, k)
	}
	return d, nil
}

func get(ctx context.Context, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the answer has the status %d", answer.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxDocument+1))
	if len(body) > maxDocument {
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxDocument)
	}
	return body, err
}

// usable is a key of a JWKS with the algorithm that it says, or else with the
// one that its kind has; an error if it is not for verifying tokens.
func usable(jwk jwkset.JWKMarshal) (key, error) {
	switch {
	case jwk.KTY == jwkset.KtyOct:
		return key{}, errors.New("a secret has no place in a JWKS")
	case jwk.USE != "" && jwk.USE != jwkset.UseSig:
		return key{}, errors.New("its use is not sig")
	case jwk.KEYOPS != nil && !slices.Contains(jwk.KEYOPS, jwkset.KeyOpsVerify):
		return key{}, errors.New("its key_ops are without verify")
	case slices.ContainsFunc(jwk.KEYOPS, func(op jwkset.KEYOPS) bool {
		return op != jwkset.KeyOpsVerify && op != jwkset.KeyOpsSign
	}):
		return key{}, errors.New("its key_ops are not for signatures only")
	}
	parsed, err := jwkset.NewJWKFromMarshal(jwk, jwkset.JWKMarshalOptions{}, jwkset.JWKValidateOptions{})
	if err != nil {
		return key{}, errors.New("it is malformed or of an unknown kind")
	}
	algorithm := string(jwk.ALG)
	if algorithm == "" {
		algorithm = implied[implication{jwk.KTY, jwk.CRV}]
	}
	if fits := algorithms[algorithm]; fits == nil || !fits(parsed.Key()) {
		return key{}, errors.New("it is not for an algorithm that is accepted, or too small")
	}
	return key{algorithm, jwk.KID, parsed.Key()}, nil
}

type implication struct {
	kty jwkset.KTY
	crv jwkset.CRV
}

// implied are the algorithms of keys that do not say theirs.
var implied = map[implication]string{
	{jwkset.KtyRSA, ""}:                "RS256",
	{jwkset.KtyEC, jwkset.CrvP256}:     "ES256",
	{jwkset.KtyEC, jwkset.CrvP384}:     "ES384",
	{jwkset.KtyEC, jwkset.CrvP521}:     "ES512",
	{jwkset.KtyOKP, jwkset.CrvEd25519}: "EdDSA",
}
