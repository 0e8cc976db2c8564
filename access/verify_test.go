package access

import (
	"crypto"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TestAlgorithms verifies tokens of every algorithm.
func TestAlgorithms(t *testing.T) {
	for algorithm, key := range map[string]any{
		"HS256": hmacKey, "HS384": hmacKey, "HS512": hmacKey,
		"RS256": rsaKey(), "RS384": rsaKey(), "RS512": rsaKey(),
		"PS256": rsaKey(), "PS384": rsaKey(), "PS512": rsaKey(),
		"ES256": p256Key(), "ES384": p384Key(), "ES512": p521Key(), "EdDSA": edKey,
	} {
		tokens := &Tokens{Keys: []Key{{Algorithm: algorithm, Key: configOf(key)}}}
		provisioned(t, tokens)
		raw := signed(algorithm, key, claims(nil), nil)
		if g, err := tokens.Verify(t.Context(), raw); err != nil || g.Subject != "somebody" || !g.Allows("a") {
			t.Errorf("%s: %+v, %v", algorithm, g, err)
		}
		for other := range algorithms {
			if other == algorithm {
				continue
			}
			forged := signedText(algorithm, key, `{"alg":"`+other+`"}`, text(claims(nil)))
			if g, err := tokens.Verify(t.Context(), forged); !errors.Is(err, ErrToken) {
				t.Errorf("%s with the key of %s: %+v, %v", other, algorithm, g, err)
			}
		}
	}
}

// configOf is how the config has the key that verifies what key signs.
func configOf(key any) string {
	if s, ok := key.([]byte); ok {
		return string(s)
	}
	return publicPEM(key.(crypto.Signer))
}

func text(c jwt.MapClaims) string { return string(must(json.Marshal(c))) }

// TestAttacks shows tokens that must not be accepted to keys of all kinds at
// once. No refusal quotes anything.
func TestAttacks(t *testing.T) {
	hits := 0
	attacker := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits++ }))
	defer attacker.Close()
	rsaPEM := publicPEM(rsaKey())
	tokens := &Tokens{Issuer: "us", Keys: []Key{
		{Algorithm: "HS256", KID: "shared", Key: string(hmacKey)},
		{Algorithm: "RS256", KID: "rsa", Key: rsaPEM},
		{Algorithm: "RS256", KID: "other", Key: publicPEM(otherRSA())},
		{Algorithm: "ES256", KID: "ec", Key: publicPEM(p256Key())},
		{Algorithm: "EdDSA", Key: publicPEM(edKey)},
	}}
	provisioned(t, tokens)
	now := time.Now()
	with := func(name string, value any) string {
		return signed("HS256", hmacKey, claims(jwt.MapClaims{"iss": "us", name: value}), nil)
	}
	header := func(h map[string]any) string {
		return signed("RS256", rsaKey(), claims(jwt.MapClaims{"iss": "us"}), h)
	}
	if _, err := tokens.Verify(t.Context(), with("iss", "us")); err != nil {
		t.Fatal("the base of these attacks is not accepted:", err)
	}
	if _, err := tokens.Verify(t.Context(), header(map[string]any{"kid": "rsa"})); err != nil {
		t.Fatal("the base of these attacks is not accepted:", err)
	}
	ok := text(claims(jwt.MapClaims{"iss": "us"}))
	good := with("iss", "us")
	parts := strings.Split(good, ".")
	attacks := map[string]string{
		"nothing":               "",
		"two parts":             parts[0] + "." + parts[1],
		"four parts":            good + ".",
		"five parts":            good + "." + good,
		"no signature":          parts[0] + "." + parts[1] + ".",
		"spaces":                " " + good,
		"line break":            good + "\n",
		"line break inside":     parts[0] + ".\r\n" + parts[1] + "." + parts[2],
		"padding":               good + "=",
		"bits to spare":         parts[0] + "." + parts[1] + "." + parts[2][:42] + string(parts[2][42]+1),
		"header is a list":      signedText("HS256", hmacKey, `[]`, ok),
		"header is null":        signedText("HS256", hmacKey, `null`, ok),
		"claims are null":       signedText("HS256", hmacKey, `{"alg":"HS256"}`, `null`),
		"claims are a list":     signedText("HS256", hmacKey, `{"alg":"HS256"}`, `[]`),
		"payload of another":    parts[0] + "." + segment(text(claims(jwt.MapClaims{"iss": "us", "jobs": "*"}))) + "." + parts[2],
		"signature cut":         good[:len(good)-2],
		"too long":              with("pad", strings.Repeat("x", maxToken)),
		"algorithm missing":     signedText("HS256", hmacKey, `{}`, ok),
		"algorithm is a number": signedText("HS256", hmacKey, `{"alg":256}`, ok),
		"algorithm in capitals": signedText("HS256", hmacKey, `{"ALG":"HS256"}`, ok),
		"algorithm in small":    signedText("HS256", hmacKey, `{"alg":"hs256"}`, ok),
		"two algorithms":        signedText("HS256", hmacKey, `{"alg":"HS256","alg":"none"}`, ok),

		// Key confusion.
		"RSA key as secret":        signedText("HS256", []byte(rsaPEM), `{"alg":"HS256"}`, ok),
		"RSA key as secret, named": signedText("HS256", []byte(rsaPEM), `{"alg":"HS256","kid":"rsa"}`, ok),
		"EC key as secret":         signedText("HS256", []byte(publicPEM(p256Key())), `{"alg":"HS256"}`, ok),
		"Ed key as secret":         signedText("HS256", []byte(edKey[32:]), `{"alg":"HS256"}`, ok),
		"another hash":             signed("HS512", hmacKey, claims(jwt.MapClaims{"iss": "us"}), nil),
		"PSS with the RSA key":     signed("PS256", rsaKey(), claims(jwt.MapClaims{"iss": "us"}), nil),
		"ES with the RSA key":      signedText("RS256", rsaKey(), `{"alg":"ES256"}`, ok),
		"RS with the EC key":       signedText("ES256", p256Key(), `{"alg":"RS256"}`, ok),
		"ES256 with a larger hash": signedText("ES384", p384Key(), `{"alg":"ES256"}`, ok),
		"another's key":            signed("ES256", stranger(), claims(jwt.MapClaims{"iss": "us"}), nil),
		"kid of another key":       header(map[string]any{"kid": "other"}),
		"kid of nobody":            header(map[string]any{"kid": "nobody"}),
		"kid is a path":            header(map[string]any{"kid": "../../../dev/null"}),
		"kid is a number":          header(map[string]any{"kid": 1}),
		"empty secret":             signedText("HS256", []byte{}, `{"alg":"HS256","kid":"../../../dev/null"}`, ok),
		"critical extension":       header(map[string]any{"kid": "rsa", "crit": []string{"exp"}}),
		"critical, null":           header(map[string]any{"kid": "rsa", "crit": nil}),
		"jku": signed("ES256", stranger(), claims(jwt.MapClaims{"iss": "us"}), map[string]any{
			"kid": "new", "jku": attacker.URL, "x5u": attacker.URL,
		}),
		"jwk": signed("ES256", stranger(), claims(jwt.MapClaims{"iss": "us"}), map[string]any{
			"jwk": map[string]any{"kty": "EC", "crv": "P-256", "x": "x", "y": "y"},
		}),

		// Claims.
		"audience missing":    with("aud", nil),
		"audience of another": with("aud", "mail"),
		"audience is longer":  with("aud", "logs.example.com"),
		"audience empty":      with("aud", ""),
		"audiences of others": with("aud", []string{"mail", "files"}),
		"audience a number":   with("aud", 1),
		"issuer missing":      with("iss", nil),
		"issuer is another":   with("iss", "them"),
		"issuer is a list":    with("iss", []string{"us"}),
		"exp missing":         with("exp", nil),
		"exp past":            with("exp", now.Add(-time.Minute).Unix()),
		"exp a string":        with("exp", fmt.Sprint(now.Add(time.Hour).Unix())),
		"exp zero":            with("exp", 0),
		"exp negative":        with("exp", -1),
		"exp beyond numbers":  signedText("HS256", hmacKey, `{"alg":"HS256"}`, strings.Replace(ok, `"exp":`, `"exp":1e99,"x":`, 1)),
		"exp never":           with("exp", 1e18),
		"exp in capitals":     signedText("HS256", hmacKey, `{"alg":"HS256"}`, strings.Replace(ok, `"exp"`, `"EXP"`, 1)),
		"exp twice":           signedText("HS256", hmacKey, `{"alg":"HS256"}`, strings.TrimSuffix(ok, "}")+`,"exp":1}`),
		"nbf future":          with("nbf", now.Add(time.Hour).Unix()),
		"nbf a string":        with("nbf", "0"),
		"nbf beyond numbers":  signedText("HS256", hmacKey, `{"alg":"HS256"}`, strings.TrimSuffix(ok, "}")+`,"nbf":1e99}`),
		"nbf null":            signedText("HS256", hmacKey, `{"alg":"HS256"}`, strings.TrimSuffix(ok, "}")+`,"nbf":null}`),
		"iat future":          with("iat", now.Add(time.Hour).Unix()),
		"sub a number":        with("sub", 7),
		"jobs missing":        with("jobs", nil),
		"jobs a number":       with("jobs", 1),
		"jobs an object":      with("jobs", map[string]bool{"a": true}),
		"jobs not all texts":  with("jobs", []any{"a", 1}),
		"jobs in a list":      with("jobs", []any{[]any{"a"}}),
		"jobs in capitals":    signedText("HS256", hmacKey, `{"alg":"HS256"}`, strings.Replace(ok, `"jobs"`, `"Jobs"`, 1)),
	}
	for _, none := range []string{"none", "None", "NONE", "nOnE", "", "none ", "\u0000none"} {
		h := segment(string(must(json.Marshal(map[string]string{"alg": none}))))
		attacks[fmt.Sprintf("algorithm %q", none)] = h + "." + segment(ok) + "."
		attacks[fmt.Sprintf("algorithm %q, old signature", none)] = h + "." + segment(ok) + "." + parts[2]
	}
	for name, raw := range attacks {
		g, err := tokens.Verify(t.Context(), raw)
		if g != nil || !errors.Is(err, ErrToken) || errors.Is(err, ErrUnavailable) {
			t.Errorf("%s: %+v, %v", name, g, err)
			continue
		}
		// Of a number beyond all numbers, processors make what they like.
		past := name == "exp past" || name == "exp twice" || name == "exp negative"
		if errors.Is(err, ErrExpired) != past && name != "exp beyond numbers" {
			t.Errorf("%s: %v", name, err)
		}
		if s := err.Error(); strings.ContainsAny(s, "{\"\n") || strings.Contains(s, "nobody") || strings.Contains(s, "them") {
			t.Errorf("%s: the error quotes: %s", name, s)
		}
	}
	if hits != 0 {
		t.Errorf("tokens made us ask their URLs %d times", hits)
	}
}

// TestDuplicateClaims: of two claims of one name the last counts, as RFC 7519
// has it, for all of them alike.
func TestDuplicateClaims(t *testing.T) {
	tokens := &Tokens{Keys: []Key{{Algorithm: "HS256", Key: string(hmacKey)}}}
	provisioned(t, tokens)
	ok := strings.TrimSuffix(text(claims(nil)), "}")
	g, err := tokens.Verify(t.Context(), signedText("HS256", hmacKey, `{"alg":"HS256"}`, ok+`,"jobs":["*"],"jobs":["c"]}`))
	if err != nil || g.Allows("a") || !g.Allows("c") {
		t.Errorf("%+v, %v", g, err)
	}
}

// TestGrant asks for jobs that a token allows, and for their neighbours.
func TestGrant(t *testing.T) {
	tokens := &Tokens{Keys: []Key{{Algorithm: "HS256", Key: string(hmacKey)}}}
	provisioned(t, tokens)
	for _, c := range []struct {
		jobs    any
		yes, no string
	}{
		{[]string{"a", "b*"}, "a b b1 b* bb", "aa A c ab"},
		{"a", "a", "aa b *"},
		{"a*", "a ab a*", "b ba"},
		{"*", "a * é", ""},
		{[]string{"*"}, "a * é", ""},
		{[]string{"a*b"}, "a*b", "ab axb a a*"},
		{[]string{"a**"}, "a* a*b", "a ab"},
		{[]string{"é*"}, "é éa", "e"},
		{[]string{}, "", "a *"},
		{[]string{""}, "", "a *"},
		{"", "", "a *"},
	} {
		g, err := tokens.Verify(t.Context(), signed("HS256", hmacKey, claims(jwt.MapClaims{"jobs": c.jobs}), nil))
		if err != nil {
			t.Errorf("%v: %v", c.jobs, err)
			continue
		}
		for _, job := range strings.Fields(c.yes) {
			if !g.Allows(job) {
				t.Errorf("%v does not allow %s", c.jobs, job)
			}
		}
		for _, job := range strings.Fields(c.no) {
			if g.Allows(job) {
				t.Errorf("%v allows %s", c.jobs, job)
			}
		}
	}
}

// TestLeeway verifies one token as time passes.
func TestLeeway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := &Tokens{Keys: []Key{{Algorithm: "HS256", Key: string(hmacKey)}}}
		provisioned(t, tokens)
		now := time.Now()
		raw := signed("HS256", hmacKey, claims(jwt.MapClaims{
			"nbf": now.Add(time.Minute).Unix(), "iat": now.Add(time.Minute).Unix(), "exp": now.Add(time.Hour).Unix(),
		}), nil)
		try := func(says string) {
			t.Helper()
			g, err := tokens.Verify(t.Context(), raw)
			switch {
			case says == "" && (err != nil || !g.Expires.Equal(now.Add(time.Hour))):
				t.Errorf("after %s: %+v, %v", time.Since(now), g, err)
			case says != "" && (err == nil || !strings.Contains(err.Error(), says)):
				t.Errorf("after %s: %v, want %s", time.Since(now), err, says)
			}
		}
		try("it is not valid yet")
		elapse(time.Minute - defaultLeeway)
		try("")
		elapse(time.Hour - time.Minute + defaultLeeway - time.Nanosecond)
		try("")
		elapse(time.Nanosecond)
		try(ErrExpired.Error())
	})
}

// FuzzVerify shows any text to keys. Only those that were signed are accepted.
func FuzzVerify(f *testing.F) {
	tokens := &Tokens{Keys: []Key{
		{Algorithm: "HS256", Key: string(hmacKey)},
		{Algorithm: "HS512", KID: "x", Key: string(hmacKey)},
		{Algorithm: "EdDSA", Key: publicPEM(edKey)},
	}}
	provisioned(f, tokens)
	lasting := claims(jwt.MapClaims{"exp": 4102444800}) // the year 2100: equal in all of the fuzzer's processes
	valid := map[string]bool{
		signed("HS256", hmacKey, lasting, nil):                             true,
		signed("HS512", hmacKey, lasting, map[string]any{"kid": "x"}):      true,
		signed("EdDSA", edKey, lasting, map[string]any{"kid": "whatever"}): true,
	}
	for raw := range valid {
		if _, err := tokens.Verify(f.Context(), raw); err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add(signed("HS256", hmacKey, claims(jwt.MapClaims{"exp": nil}), nil))
	f.Add(segment(`{"alg":"none"}`) + "." + segment(text(lasting)) + ".")
	f.Fuzz(func(t *testing.T, raw string) {
		g, err := tokens.Verify(t.Context(), raw)
		if (err == nil) != valid[raw] {
			t.Errorf("%q: %+v, %v", raw, g, err)
		}
		if err != nil && (g != nil || !errors.Is(err, ErrToken)) {
			t.Errorf("%q: %+v, %v", raw, g, err)
		}
	})
}
