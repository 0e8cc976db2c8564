package access

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

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
