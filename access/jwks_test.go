package access

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
)

// patience bounds every wait. Only broken code meets it.
const patience = 30 * time.Second

// provider is a server with a JWKS, and a clock for those that fetch it.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	answer  http.HandlerFunc
	fetches int
	clock   time.Time
}

// newProvider serves keys until the test ends.
func newProvider(t *testing.T, keys ...map[string]any) *provider {
	p := &provider{clock: time.Now()}
	p.serve(keys...)
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		p.fetches++
		answer := p.answer
		p.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *provider) serve(keys ...map[string]any) {
	document := must(json.Marshal(map[string]any{"keys": append([]map[string]any{}, keys...)}))
	p.answerWith(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(document) })
}

func (p *provider) answerWith(answer http.HandlerFunc) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *provider) fetched() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.fetches
}

func (p *provider) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.clock
}

func (p *provider) wait(d time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.clock = p.clock.Add(d)
}

// tokens are those that the provider's keys sign.
func (p *provider) tokens(t *testing.T, fixed ...Key) (*Tokens, *logged) {
	t.Helper()
	tokens := &Tokens{JWKS: []string{p.URL}, Keys: fixed}
	log := provisioned(t, tokens)
	tokens.remote[0].now = p.now
	return tokens, log
}

// jwk is a public key as a JWKS has it, with changes; nil removes one.
func jwk(private crypto.Signer, changes map[string]any) map[string]any {
	parsed := must(jwkset.NewJWKFromKey(private.Public(), jwkset.JWKOptions{}))
	var fields map[string]any
	if err := json.Unmarshal(must(json.Marshal(parsed.Marshal())), &fields); err != nil {
		panic(err)
	}
	for name, value := range changes {
		if fields[name] = value; value == nil {
			delete(fields, name)
		}
	}
	return fields
}

func named(kid string) map[string]any { return map[string]any{"kid": kid} }

// verify tries a token, and reports whether its error is the one expected; nil
// for none.
func verify(t *testing.T, tokens *Tokens, raw string, want error) {
	t.Helper()
	if g, err := tokens.Verify(t.Context(), raw); !errors.Is(err, want) || (err == nil) != (g != nil) {
		t.Errorf("%+v, %v; want the error %v", g, err, want)
	}
}

// TestKeySet verifies tokens with keys that are fetched when needed, once.
func TestKeySet(t *testing.T) {
	p := newProvider(t,
		jwk(rsaKey(), named("r")), jwk(p256Key(), named("e")), jwk(p384Key(), named("e3")),
		jwk(p521Key(), named("e5")), jwk(edKey, named("ed")),
		jwk(otherRSA(), map[string]any{"kid": "ps", "alg": "PS384"}))
	tokens, _ := p.tokens(t, Key{Algorithm: "HS256", Key: string(hmacKey)})
	verify(t, tokens, signed("HS256", hmacKey, claims(nil), nil), nil)
	verify(t, tokens, signed("HS256", []byte("another secret"), claims(nil), nil), ErrToken)
	verify(t, tokens, segment(`{"alg":"none"}`)+"."+segment(text(claims(nil)))+".", ErrToken)
	if v := tokens.Version(); v != 0 || p.fetched() != 0 {
		t.Fatalf("%d fetches before a token needs any, version %d", p.fetched(), v)
	}
	for range 2 {
		verify(t, tokens, signed("RS256", rsaKey(), claims(nil), named("r")), nil)
		verify(t, tokens, signed("RS256", rsaKey(), claims(nil), nil), nil)
		verify(t, tokens, signed("ES256", p256Key(), claims(nil), named("e")), nil)
		verify(t, tokens, signed("ES384", p384Key(), claims(nil), named("e3")), nil)
		verify(t, tokens, signed("ES512", p521Key(), claims(nil), named("e5")), nil)
		verify(t, tokens, signed("EdDSA", edKey, claims(nil), named("ed")), nil)
		verify(t, tokens, signed("EdDSA", edKey, claims(named("x")), named("r")), ErrToken)
		verify(t, tokens, signed("PS384", otherRSA(), claims(nil), named("ps")), nil)
		verify(t, tokens, signed("RS256", otherRSA(), claims(nil), named("ps")), ErrToken)
		// An RSA key that does not say for what is for RS256 only.
		verify(t, tokens, signed("RS512", rsaKey(), claims(nil), named("r")), ErrToken)
		verify(t, tokens, signed("PS256", rsaKey(), claims(nil), named("r")), ErrToken)
		verify(t, tokens, signedText("HS256", []byte(publicPEM(rsaKey())), `{"alg":"HS256","kid":"r"}`, text(claims(nil))), ErrToken)
	}
	if n := p.fetched(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// TestUnusableKeys leaves out what is in a JWKS and not for verifying tokens.
func TestUnusableKeys(t *testing.T) {
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	for name, c := range map[string]struct {
		jwk       map[string]any
		algorithm string
		key       any
		usable    bool
	}{
		"plain":               {jwk(p256Key(), nil), "ES256", p256Key(), true},
		"for signatures":      {jwk(p256Key(), map[string]any{"use": "sig", "key_ops": []string{"verify"}}), "ES256", p256Key(), true},
		"algorithm":           {jwk(rsaKey(), map[string]any{"alg": "PS384"}), "PS384", rsaKey(), true},
		"algorithm of others": {jwk(p256Key(), map[string]any{"alg": "RS256"}), "ES256", p256Key(), false},
		"other curve":         {jwk(p384Key(), map[string]any{"alg": "ES256"}), "ES384", p384Key(), false},
		"algorithm none":      {jwk(p256Key(), map[string]any{"alg": "none"}), "ES256", p256Key(), false},
		"HMAC by RSA key":     {jwk(rsaKey(), map[string]any{"alg": "HS256"}), "RS256", rsaKey(), false},
		"for encryption":      {jwk(rsaKey(), map[string]any{"use": "enc"}), "RS256", rsaKey(), false},
		"encrypts":            {jwk(rsaKey(), map[string]any{"key_ops": []string{"encrypt", "verify"}}), "RS256", rsaKey(), false},
		"signs only":          {jwk(rsaKey(), map[string]any{"key_ops": []string{"sign"}}), "RS256", rsaKey(), false},
		"no operations":       {jwk(rsaKey(), map[string]any{"key_ops": []string{}}), "RS256", rsaKey(), false},
		"small":               {jwk(small, nil), "RS256", small, false},
		"malformed":           {jwk(p256Key(), map[string]any{"x": "AA"}), "ES256", p256Key(), false},
		"unknown kind":        {map[string]any{"kty": "AKP"}, "ES256", p256Key(), false},
		"secret": {
			map[string]any{"kty": "oct", "alg": "HS256", "k": segment(string(hmacKey))},
			"HS256", hmacKey, false,
		},
		"secret for another": {
			map[string]any{"kty": "oct", "alg": "RS256", "k": segment(string(hmacKey))},
			"RS256", rsaKey(), false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t, c.jwk, jwk(edKey, nil))
			tokens, log := p.tokens(t)
			var want error
			leftOut := 0
			if !c.usable {
				want, leftOut = ErrToken, 1
			}
			verify(t, tokens, signed(c.algorithm, c.key, claims(nil), nil), want)
			verify(t, tokens, signed("EdDSA", edKey, claims(nil), nil), nil)
			if log.count("keys=2") != 1-leftOut || log.count("keys=1") != leftOut {
				t.Errorf("the log says %s", &log.text)
			}
			if log.count(segment(string(hmacKey))) > 0 {
				t.Error("the log has the secret")
			}
		})
	}
}

// TestRotation takes up new keys, and drops old ones.
func TestRotation(t *testing.T) {
	p := newProvider(t, jwk(rsaKey(), named("old")))
	tokens, _ := p.tokens(t)
	old := signed("RS256", rsaKey(), claims(nil), named("old"))
	young := signed("RS256", otherRSA(), claims(nil), named("new"))
	verify(t, tokens, old, nil)
	before := tokens.Version()

	p.serve(jwk(rsaKey(), named("old")), jwk(otherRSA(), named("new")))
	verify(t, tokens, young, ErrToken) // as if made up: it comes too soon after the fetch
	p.wait(keysRest)
	verify(t, tokens, old, nil)
	if n := p.fetched(); n != 1 {
		t.Errorf("%d fetches for a known key", n)
	}
	verify(t, tokens, young, nil)
	if v := tokens.Version(); v == before {
		t.Error("the version is that of the old keys")
	}

	p.serve(jwk(otherRSA(), named("new")))
	before = tokens.Version()
	p.wait(keysLast)
	verify(t, tokens, old, ErrToken)
	verify(t, tokens, young, nil)
	if v := tokens.Version(); v == before || p.fetched() != 3 {
		t.Errorf("version %d, as before; %d fetches", v, p.fetched())
	}
	before = tokens.Version()
	p.wait(keysLast)
	verify(t, tokens, young, nil)
	if v := tokens.Version(); v != before || p.fetched() != 4 {
		t.Errorf("version %d for the same keys, %d before; %d fetches", v, before, p.fetched())
	}
}

// TestVersionFetches has keys fetched that nobody but live streams asks for.
func TestVersionFetches(t *testing.T) {
	p := newProvider(t, jwk(rsaKey(), nil))
	tokens, _ := p.tokens(t)
	verify(t, tokens, signed("RS256", rsaKey(), claims(nil), nil), nil)
	before := tokens.Version()
	p.serve()
	p.wait(keysLast)
	tokens.Version()
	wait(t, tokens.remote[0].refresh(keysLast))
	if tokens.Version() == before {
		t.Error("the version is that of the old keys")
	}
	verify(t, tokens, signed("RS256", rsaKey(), claims(nil), nil), ErrToken)
}

// wait waits for the end of a fetch, nil if it has ended.
func wait(t *testing.T, done <-chan struct{}) {
	t.Helper()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the fetch does not end")
	}
}

// TestFlood shows thousands of unknown keys to a server that counts.
func TestFlood(t *testing.T) {
	p := newProvider(t, jwk(rsaKey(), named("k")))
	tokens, _ := p.tokens(t)
	const minutes = 5
	for range minutes {
		var flood sync.WaitGroup
		for i := range 20 {
			flood.Go(func() {
				for j := range 20 {
					verify(t, tokens, signed("ES256", stranger(), claims(nil), named(fmt.Sprint(i, j))), ErrToken)
					verify(t, tokens, signed("ES256", stranger(), claims(nil), nil), ErrToken)
				}
			})
		}
		flood.Wait()
		p.wait(keysRest)
	}
	if n := p.fetched(); n != minutes {
		t.Errorf("%d fetches in %d minutes", n, minutes)
	}
}

// TestOutage goes on with the last good keys, and says what it cannot know.
func TestOutage(t *testing.T) {
	p := newProvider(t)
	down := func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) }
	p.answerWith(down)
	tokens, log := p.tokens(t)
	raw := signed("RS256", rsaKey(), claims(nil), named("k"))
	forged := signed("RS256", otherRSA(), claims(nil), named("k"))
	unknown := signed("RS256", otherRSA(), claims(nil), named("new"))
	for range 3 {
		verify(t, tokens, raw, ErrUnavailable)
	}
	if n := p.fetched(); n != 1 {
		t.Errorf("%d fetches within %s", n, keysRetry)
	}
	p.wait(keysRetry)
	verify(t, tokens, raw, ErrUnavailable)

	p.serve(jwk(rsaKey(), named("k")))
	p.wait(keysRetry)
	verify(t, tokens, raw, nil)
	verify(t, tokens, unknown, ErrToken)

	p.answerWith(down)
	for range 3 {
		p.wait(keysLast)
		verify(t, tokens, raw, nil)
		verify(t, tokens, forged, ErrToken)
		verify(t, tokens, unknown, ErrUnavailable)
	}
	if n := p.fetched(); n != 6 {
		t.Errorf("%d fetches", n)
	}
	p.serve(jwk(otherRSA(), named("new")))
	p.wait(keysRest)
	verify(t, tokens, unknown, nil)
	verify(t, tokens, raw, ErrToken)
	if downs, ups := log.count("could not fetch"), log.count("fetched the keys"); downs != 2 || ups != 2 {
		t.Errorf("the log tells of %d failures and %d successes, not of 2 each", downs, ups)
	}
}

// TestBadAnswers takes no keys from what is no JWKS.
func TestBadAnswers(t *testing.T) {
	document := string(must(json.Marshal(map[string]any{"keys": []any{jwk(rsaKey(), nil)}})))
	elsewhere := newProvider(t, jwk(rsaKey(), nil))
	for name, answer := range map[string]http.HandlerFunc{
		"status":   func(w http.ResponseWriter, _ *http.Request) { http.Error(w, document, http.StatusInternalServerError) },
		"page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, "<html>") },
		"object":   func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, `{}`) },
		"cut":      func(w http.ResponseWriter, _ *http.Request) { _, _ = fmt.Fprint(w, document[:len(document)-1]) },
		"hang-up":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"long": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = fmt.Fprint(w, document[:1], strings.Repeat(" ", maxDocument), document[1:])
		},
		"endless": func(w http.ResponseWriter, _ *http.Request) {
			for err := error(nil); err == nil; {
				_, err = fmt.Fprint(w, strings.Repeat(" ", 64<<10))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProvider(t)
			p.answerWith(answer)
			tokens, _ := p.tokens(t)
			verify(t, tokens, signed("RS256", rsaKey(), claims(nil), nil), ErrUnavailable)
		})
	}
	if n := elsewhere.fetched(); n != 0 {
		t.Errorf("redirects were followed %d times", n)
	}
}

// TestSlowAnswer waits for no longer than a bound.
func TestSlowAnswer(t *testing.T) {
	defer func(before time.Duration) { client.Timeout = before }(client.Timeout)
	client.Timeout = 50 * time.Millisecond
	p := newProvider(t)
	p.answerWith(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	})
	tokens, _ := p.tokens(t)
	verify(t, tokens, signed("RS256", rsaKey(), claims(nil), nil), ErrUnavailable)
}

// TestSharedFetch lets many first tokens wait for one fetch.
func TestSharedFetch(t *testing.T) {
	p := newProvider(t)
	asked, release := make(chan struct{}, 100), make(chan struct{})
	document := must(json.Marshal(map[string]any{"keys": []any{jwk(rsaKey(), nil)}}))
	p.answerWith(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		<-release
		_, _ = w.Write(document)
	})
	tokens, _ := p.tokens(t)
	raw := signed("RS256", rsaKey(), claims(nil), nil)

	// The first one gives up. The fetch that it began goes on for the others.
	ctx, cancel := context.WithCancel(t.Context())
	gaveUp := make(chan error)
	go func() {
		_, err := tokens.Verify(ctx, raw)
		gaveUp <- err
	}()
	<-asked
	cancel()
	if err := <-gaveUp; !errors.Is(err, ErrUnavailable) || !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up got %v", err)
	}
	var waiting sync.WaitGroup
	for range 50 {
		waiting.Go(func() { verify(t, tokens, raw, nil) })
	}
	close(release)
	waiting.Wait()
	if n := p.fetched(); n != 1 {
		t.Errorf("%d fetches", n)
	}
}

// TestClose ends a fetch that would not end, and begins none.
func TestClose(t *testing.T) {
	p := newProvider(t)
	asked := make(chan struct{})
	p.answerWith(func(_ http.ResponseWriter, r *http.Request) {
		close(asked)
		<-r.Context().Done()
	})
	tokens, log := p.tokens(t)
	raw := signed("RS256", rsaKey(), claims(nil), nil)
	failed := make(chan error)
	go func() {
		_, err := tokens.Verify(t.Context(), raw)
		failed <- err
	}()
	<-asked
	tokens.Close()
	tokens.Close()
	if err := <-failed; !errors.Is(err, ErrUnavailable) {
		t.Errorf("who waited got %v", err)
	}
	p.wait(keysLast)
	verify(t, tokens, raw, ErrUnavailable)
	if n := p.fetched(); n != 1 {
		t.Errorf("%d fetches, one of them after the end", n)
	}
	if log.count("could not fetch") != 0 {
		t.Error("the end is logged as a failure")
	}
}

// TestReplaced hands the keys on to who uses the same URL.
func TestReplaced(t *testing.T) {
	p := newProvider(t, jwk(rsaKey(), nil))
	old, _ := p.tokens(t)
	raw := signed("RS256", rsaKey(), claims(nil), nil)
	verify(t, old, raw, nil)
	p.answerWith(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	young, _ := p.tokens(t)
	old.Close()
	verify(t, young, raw, nil)
	verify(t, old, raw, nil)
	p.wait(keysLast)
	verify(t, young, raw, nil)
	if old.Version() != young.Version() || p.fetched() != 2 {
		t.Errorf("versions %d and %d, %d fetches", old.Version(), young.Version(), p.fetched())
	}
}

// TestSeveralKeySets verifies with one of them while another is down.
func TestSeveralKeySets(t *testing.T) {
	p, q := newProvider(t, jwk(rsaKey(), named("p"))), newProvider(t)
	q.answerWith(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusBadGateway) })
	tokens := &Tokens{JWKS: []string{p.URL, q.URL}}
	provisioned(t, tokens)
	for _, s := range tokens.remote {
		s.now = p.now
	}
	verify(t, tokens, signed("RS256", rsaKey(), claims(nil), named("p")), nil)
	verify(t, tokens, signed("RS256", otherRSA(), claims(nil), named("p")), ErrToken)
	verify(t, tokens, signed("RS256", otherRSA(), claims(nil), named("q")), ErrUnavailable)
	before := tokens.Version()
	q.serve(jwk(otherRSA(), named("q")))
	p.wait(keysRetry)
	verify(t, tokens, signed("RS256", otherRSA(), claims(nil), named("q")), nil)
	if tokens.Version() == before {
		t.Error("the version is that of fewer keys")
	}
}
