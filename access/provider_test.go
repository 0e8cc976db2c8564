package access

import (
	"crypto"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
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
