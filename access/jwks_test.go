package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"
)

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
	verify(t, tokens, signed("RS256", otherRSA(), claims(nil), named("old")), ErrToken)
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
	wait(t, tokens.remote[0])
	if tokens.Version() == before {
		t.Error("the version is that of the old keys")
	}
	verify(t, tokens, signed("RS256", rsaKey(), claims(nil), nil), ErrToken)
}

// wait waits for the end of the fetch under way.
func wait(t *testing.T, s *keySet) {
	t.Helper()
	s.mu.Lock()
	done := s.fetching
	s.mu.Unlock()
	if done == nil {
		return
	}
	select {
	case <-done:
	case <-time.After(patience):
		t.Fatal("the fetch does not end")
	}
}

// TestFlood shows a thousand unknown keys to a server that counts.
func TestFlood(t *testing.T) {
	p := newProvider(t, jwk(rsaKey(), named("k")))
	tokens, _ := p.tokens(t)
	const minutes = 5
	for range minutes {
		var flood sync.WaitGroup
		for i := range 10 {
			flood.Go(func() {
				for j := range 10 {
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
	if s := tokens.remote[0]; s.fetching != nil {
		t.Error("the fetch goes on")
	}
	if err := <-failed; !errors.Is(err, ErrUnavailable) {
		t.Errorf("who waited got %v", err)
	}
	p.wait(keysLast)
	if tokens.remote[0].refresh(keysLast) != nil {
		t.Error("a fetch begins after the end")
	}
	verify(t, tokens, raw, ErrUnavailable)
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
