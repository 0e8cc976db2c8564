package access

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// TestCaddyfile reads what a Caddyfile can say.
func TestCaddyfile(t *testing.T) {
	for input, want := range map[string]*Tokens{
		"tokens": {},
		`tokens {
			key HS256 {env.SECRET}
			key ES256 {file./run/key} k1
			jwks https://a.example/keys
			jwks https://b.example/keys
			audience logs mail
			issuer https://a.example
			cookie __Host-session
			leeway 1m
		}`: {
			Keys:     []Key{{Algorithm: "HS256", Key: "{env.SECRET}"}, {Algorithm: "ES256", Key: "{file./run/key}", KID: "k1"}},
			JWKS:     []string{"https://a.example/keys", "https://b.example/keys"},
			Audience: []string{"logs", "mail"}, Issuer: "https://a.example", Cookie: "__Host-session",
			Leeway: caddy.Duration(time.Minute),
		},
	} {
		d := caddyfile.NewTestDispenser(input)
		d.Next()
		got := new(Tokens)
		if err := got.Parse(d); err != nil || string(must(json.Marshal(got))) != string(must(json.Marshal(want))) {
			t.Errorf("%s: %s, %v", input, must(json.Marshal(got)), err)
		}
	}
	d := caddyfile.NewTestDispenser("links {env.A} {env.B}")
	d.Next()
	l := new(Links)
	if err := l.Parse(d); err != nil || string(must(json.Marshal(l))) != `{"keys":["{env.A}","{env.B}"]}` {
		t.Errorf("%s, %v", must(json.Marshal(l)), err)
	}
}

// TestBadCaddyfile reads what has a mistake. The error says which, and where,
// and quotes no key.
func TestBadCaddyfile(t *testing.T) {
	for _, c := range []struct{ input, says, at string }{
		{"tokens sesame", "tokens has no value of its own, only a block", ":1"},
		{"tokens {\nkeys x\n}", `tokens: unknown option "keys"`, ":2"},
		{"tokens {\nkey HS256\n}", "tokens: key: wrong number of values; write it as: key <algorithm> <key> [<kid>]", ":2"},
		{"tokens {\nkey HS256 x y sesame\n}", "tokens: key: wrong number of values", ":2"},
		{"tokens {\nkey HS256 \"\"\n}", "tokens: key has an empty value", ":2"},
		{"tokens {\njwks\n}", "write it as: jwks <url>", ":2"},
		{"tokens {\njwks a b\n}", "write it as: jwks <url>", ":2"},
		{"tokens {\naudience\n}", "write it as: audience <audiences...>", ":2"},
		{"tokens {\nissuer a b\n}", "write it as: issuer <issuer>", ":2"},
		{"tokens {\nissuer a\nissuer b\n}", "tokens: issuer is given twice", ":3"},
		{"tokens {\naudience a\naudience b\n}", "tokens: audience is given twice", ":3"},
		{"tokens {\nleeway soon\n}", `tokens: leeway: "soon" is not a duration above zero, such as 30s`, ":2"},
		{"tokens {\nleeway 0s\n}", "is not a duration above zero", ":2"},
		{"links", "links: the key is missing; write it as: links <key> [<older keys...>]", ":1"},
		{"links sesame \"\"", "links has an empty value", ":1"},
	} {
		d := caddyfile.NewTestDispenser(c.input)
		d.Next()
		parse := new(Tokens).Parse
		if strings.HasPrefix(c.input, "links") {
			parse = new(Links).Parse
		}
		err := parse(d)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.HasSuffix(err.Error(), c.at) {
			t.Errorf("%q: %v, want an error with %s at %s", c.input, err, c.says, c.at)
		} else if strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: the error quotes a key: %v", c.input, err)
		}
	}
}
