package access

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
)

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// TestKeyFormats reads keys from files, from the environment, and in every
// format. The config goes on to show the placeholder.
func TestKeyFormats(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, append(hmacKey, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("ACCESS_TEST_KEY", publicPEM(rsaKey()))
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "x"}}
	certificate := must(x509.CreateCertificate(rand.Reader, template, template, rsaKey().Public(), rsaKey()))
	for name, c := range map[string]struct {
		key  Key
		sign any
	}{
		"file":           {Key{Algorithm: "HS256", Key: "{file." + file + "}"}, hmacKey},
		"environment":    {Key{Algorithm: "RS256", Key: "{env.ACCESS_TEST_KEY}"}, rsaKey()},
		"certificate":    {Key{Algorithm: "PS256", Key: pemOf("CERTIFICATE", certificate)}, rsaKey()},
		"PKCS #1":        {Key{Algorithm: "RS512", Key: pemOf("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&rsaKey().PublicKey))}, rsaKey()},
		"escaped braces": {Key{Algorithm: "HS256", Key: `\{` + string(hmacKey) + `\}`}, []byte("{" + string(hmacKey) + "}")},
	} {
		tokens := &Tokens{Keys: []Key{c.key}}
		log := provisioned(t, tokens)
		verify(t, tokens, signed(c.key.Algorithm, c.sign, claims(nil), nil), nil)
		shown := string(must(json.Marshal(tokens)))
		if name == "file" && strings.Contains(shown, string(hmacKey)) || name == "environment" && strings.Contains(shown, "BEGIN") {
			t.Errorf("%s: the config shows the key: %s", name, shown)
		}
		if log.text.Len() > 0 {
			t.Errorf("%s: there is a log: %s", name, &log.text)
		}
	}
}

// TestBadTokens reports what cannot work, and what to do, without telling a
// key.
func TestBadTokens(t *testing.T) {
	secret := string(hmacKey)
	hs := []Key{{Algorithm: "HS256", Key: secret}}
	logs := []string{"logs"}
	small := must(rsa.GenerateKey(rand.Reader, 1024))
	one := func(algorithm, key string) *Tokens {
		return &Tokens{Audience: logs, Keys: []Key{{Algorithm: algorithm, Key: key}}}
	}
	at := func(url string) *Tokens { return &Tokens{Audience: logs, JWKS: []string{url}} }
	for _, c := range []struct {
		tokens *Tokens
		says   string
	}{
		{&Tokens{Audience: logs}, "there is no key; write who signs the tokens: key <algorithm> <key>, or jwks <url>"},
		{&Tokens{Keys: hs}, "audience is missing; write whom tokens are for"},
		{&Tokens{Keys: hs, Audience: []string{"logs", ""}}, "audience: one is empty"},
		{&Tokens{Keys: hs, Audience: logs, Cookie: "jobs"}, `cookie: "jobs" must begin with __Host-, as __Host-jobs does`},
		{&Tokens{Keys: hs, Audience: logs, Cookie: "__Host-a b"}, `cookie: "__Host-a b" is not the name of a cookie`},
		{&Tokens{Keys: hs, Audience: logs, Leeway: caddy.Duration(time.Hour)}, "leeway is 1h0m0s; it must be between 0 and 5m0s"},
		{&Tokens{Keys: hs, Audience: logs, Leeway: -1}, "it must be between 0 and 5m0s"},
		{one("", secret), "key 1: its algorithm is not known; before the key write one of ES256, ES384, ES512, EdDSA, HS256"},
		{one("none", secret), "key 1: its algorithm is not known"},
		{one("hs256", secret), "key 1: its algorithm is not known"},
		{one(secret, "HS256"), "key 1: its algorithm is not known"},
		{one("HS256", secret[:31]), "key 1: HS256: the secret has 31 bytes; it must have at least 32, such as"},
		{one("HS256", ""), "the secret has 0 bytes"},
		{one("HS256", publicPEM(rsaKey())), "this is a PEM file, not a secret"},
		{one("HS256", "{evn.A_SECRET_THAT_HAS_A_TYPING_ERROR}"), "a placeholder of it is unknown or empty; it can be {env.NAME}"},
		{one("HS256", secret+"{env.NOT_SET_ANYWHERE}"), "a placeholder of it is unknown or empty"},
		{one("RS256", "{file./does/not/exist}"), "a placeholder of it is unknown or empty"},
		{one("RS256", secret), "key 1: RS256: the key is not PEM"},
		{one("RS256", pemOf("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(rsaKey()))), "neither a public key nor a certificate; private keys stay with who signs"},
		{one("RS256", pemOf("PUBLIC KEY", []byte("x"))), "RS256: "},
		{one("RS256", pemOf("CERTIFICATE", []byte("x"))), "RS256: "},
		{one("RS256", publicPEM(small)), "this is not a key for it; RSA keys need 2048 bits"},
		{one("RS256", publicPEM(p256Key())), "this is not a key for it"},
		{one("ES256", publicPEM(rsaKey())), "this is not a key for it"},
		{one("ES256", publicPEM(p384Key())), "ES256, ES384 and ES512 the curves P-256, P-384 and P-521"},
		{one("EdDSA", publicPEM(p256Key())), "this is not a key for it"},
		{at("http://id.example.com/keys"), "jwks: the keys at id.example.com must be fetched by https"},
		{at("http://127.0.0.1.example.com/"), "must be fetched by https"},
		{at("http://localhost.example.com/"), "must be fetched by https"},
		{at("http://10.0.0.1/"), "must be fetched by https"},
		{at("https://me:word@id.example.com/keys"), "it must have a host, and no user"},
		{at("file:///etc/passwd"), "jwks: one of them is not a URL such as https://"},
		{at("https:///keys"), "is not a URL such as"},
		{at("id.example.com"), "is not a URL such as"},
		{at("https://a b/"), "is not a URL such as"},
	} {
		tokens := c.tokens
		err := tokens.Provision(slog.New(slog.DiscardHandler))
		tokens.Close()
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want an error with %s", err, c.says)
			continue
		}
		for _, key := range []string{secret[:20], "TYPING", "me:word"} {
			if strings.Contains(err.Error(), key) {
				t.Errorf("the error tells the key: %v", err)
			}
		}
	}
	for _, url := range []string{"https://id.example.com/keys", "http://localhost:1/", "http://127.9.9.9/", "http://[::1]:8080/x"} {
		tokens := at(url)
		if err := tokens.Provision(slog.New(slog.DiscardHandler)); err != nil || tokens.Leeway == 0 || tokens.Cookie == "" {
			t.Errorf("%s: %v, %s, %s", url, err, time.Duration(tokens.Leeway), tokens.Cookie)
		}
		tokens.Close()
	}
}

// TestFind looks for the token where it may be.
func TestFind(t *testing.T) {
	tokens := &Tokens{Keys: []Key{{Algorithm: "HS256", Key: string(hmacKey)}}}
	provisioned(t, tokens)
	for _, c := range []struct{ url, authorization, cookie, want string }{
		{"/", "Bearer a.b.c", "", "a.b.c"},
		{"/", "bEARER   a.b.c ", "", "a.b.c"},
		{"/", "Bearer a.b.c", "__Host-jobs=d.e.f", "a.b.c"},
		{"/", "Basic YTpi", "__Host-jobs=d.e.f", "d.e.f"},
		{"/", "", "x=y; __Host-jobs=d.e.f; jobs=g", "d.e.f"},
		{"/", "", "jobs=d.e.f; __host-jobs=g", ""},
		{"/", "Bearer", "", ""},
		{"/", "Bearera.b.c", "", ""},
		{"/", "a.b.c", "", ""},
		{"/?access_token=a.b.c&token=a.b.c&__Host-jobs=a.b.c", "", "", ""},
		{"/", "", "", ""},
	} {
		r := httptest.NewRequest("GET", c.url, nil)
		for name, value := range map[string]string{"Authorization": c.authorization, "Cookie": c.cookie} {
			if value != "" {
				r.Header.Set(name, value)
			}
		}
		if got := tokens.Find(r); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// TestIdentity tells rules apart, and no key.
func TestIdentity(t *testing.T) {
	t.Setenv("ACCESS_TEST_SECRET", string(hmacKey))
	base := func() *Tokens {
		return &Tokens{
			Keys: []Key{{Algorithm: "HS256", Key: string(hmacKey)}}, JWKS: []string{"https://a.example"},
			Audience: []string{"a", "b"}, Issuer: "i",
		}
	}
	identity := func(change func(*Tokens)) string {
		tokens := base()
		change(tokens)
		provisioned(t, tokens)
		return tokens.Identity()
	}
	same := identity(func(*Tokens) {})
	for name, change := range map[string]func(*Tokens){
		"again":              func(*Tokens) {},
		"default cookie":     func(o *Tokens) { o.Cookie = defaultCookie },
		"default leeway":     func(o *Tokens) { o.Leeway = caddy.Duration(defaultLeeway) },
		"the same elsewhere": func(o *Tokens) { o.Keys[0].Key = "{env.ACCESS_TEST_SECRET}" },
	} {
		if identity(change) != same {
			t.Errorf("%s is another", name)
		}
	}
	seen := map[string]string{same: "the base"}
	for name, change := range map[string]func(*Tokens){
		"key":            func(o *Tokens) { o.Keys[0].Key += "!" },
		"algorithm":      func(o *Tokens) { o.Keys[0].Algorithm = "HS512" },
		"kid":            func(o *Tokens) { o.Keys[0].KID = "k" },
		"public key":     func(o *Tokens) { o.Keys = append(o.Keys, Key{Algorithm: "RS256", Key: publicPEM(rsaKey())}) },
		"another public": func(o *Tokens) { o.Keys = append(o.Keys, Key{Algorithm: "RS256", Key: publicPEM(otherRSA())}) },
		"no key":         func(o *Tokens) { o.Keys = nil },
		"jwks":           func(o *Tokens) { o.JWKS[0] += "/" },
		"no jwks":        func(o *Tokens) { o.JWKS = nil },
		"audience":       func(o *Tokens) { o.Audience[1] = "c" },
		"audiences":      func(o *Tokens) { o.Audience = []string{"a b"} },
		"issuer":         func(o *Tokens) { o.Issuer = "" },
		"cookie":         func(o *Tokens) { o.Cookie = "__Host-x" },
		"leeway":         func(o *Tokens) { o.Leeway++ },
	} {
		id := identity(change)
		if earlier, known := seen[id]; known {
			t.Errorf("%s is the same as %s", name, earlier)
		}
		seen[id] = name
	}
}
