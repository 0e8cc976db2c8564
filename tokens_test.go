package caddyjobs

import (
	"crypto"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"

	"github.com/caddyjobs/caddyjobs/access"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestTokens lets in who has a token by a key of any kind, in the header or in
// the cookie, and nobody else.
func TestTokens(t *testing.T) {
	rs, es, ed := signer(t, rsaSigner), signer(t, ecSigner), signer(t, edSigner)
	keys := keyServer(t, es)
	s := newSite(t, sqliteStore, needing(withSecret, "key RS256 "+keyFile(t, rs), "key EdDSA "+keyFile(t, ed), "jwks "+keys.URL))
	logged(t, s, "hers", 2, "completed")
	logged(t, s, "hers-too", 2, "completed")
	logged(t, s, "his", 2, "completed")
	hs := claimed(t, tokenSecret, nil)
	for name, c := range map[string]struct {
		job, header, value string
		status             int
	}{
		"HS256":        {"hers", "Authorization", "Bearer " + hs, 200},
		"RS256":        {"hers", "Authorization", "Bearer " + issued(t, jwt.SigningMethodRS256, rs, nil), 200},
		"ES256 (JWKS)": {"hers", "Authorization", "Bearer " + issued(t, jwt.SigningMethodES256, es, nil), 200},
		"EdDSA":        {"hers", "Authorization", "bearer " + issued(t, jwt.SigningMethodEdDSA, ed, nil), 200},
		"cookie":       {"hers", "Cookie", "a=b; __Host-jobs=" + hs, 200},
		"other cookie": {"hers", "Cookie", "jobs=" + hs, 401},
		"no scheme":    {"hers", "Authorization", hs, 401},
		"none":         {"hers", "X-None", "", 401},
		"prefix":       {"hers-too", "Authorization", "Bearer " + hs, 200},
		"exact":        {"hers-too", "Authorization", "Bearer " + claimed(t, tokenSecret, jwt.MapClaims{"jobs": []string{"hers"}}), 404},
		"all jobs":     {"his", "Authorization", "Bearer " + claimed(t, tokenSecret, jwt.MapClaims{"jobs": "*"}), 200},
		"no jobs":      {"hers", "Authorization", "Bearer " + claimed(t, tokenSecret, jwt.MapClaims{"jobs": []string{}}), 404},
	} {
		t.Run(name, func(t *testing.T) {
			st := s.get(t, "/jobs/"+c.job+"/logs", c.header, c.value)
			body := st.rest()
			if st.status != c.status || (c.status == 200) != (messages(body) == "0 1") {
				t.Errorf("%d %q, want %d", st.status, body, c.status)
			}
			if challenge := st.header.Get("WWW-Authenticate"); (challenge == "Bearer") != (c.status == 401) {
				t.Errorf("the challenge is %q", challenge)
			}
		})
	}
}

// keyServer serves the public key of a signer as a JWKS.
func keyServer(t *testing.T, key crypto.Signer) *httptest.Server {
	t.Helper()
	jwk, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{ALG: jwkset.AlgES256, KID: "one"}})
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(map[string]any{"keys": []any{jwk.Marshal()}})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(set) }))
	t.Cleanup(server.Close)
	return server
}

// TestKeysAway has nobody know whether a token is valid: its client comes again.
func TestKeysAway(t *testing.T) {
	keys := keyServer(t, signer(t, ecSigner))
	keys.Close()
	s := newSite(t, sqliteStore, needing("jwks "+keys.URL))
	logged(t, s, "hers", 2, "completed")
	token := "Bearer " + issued(t, jwt.SigningMethodES256, signer(t, ecSigner), nil)
	st := s.get(t, "/jobs/hers/logs", "Authorization", token)
	if body := st.rest(); st.status != 200 || !strings.HasPrefix(body, "retry: ") || !strings.Contains(body, "\n\nevent: error\ndata: {\"reason\":\"tokens cannot be verified") {
		t.Errorf("%d %q", st.status, body)
	}
	if st := s.get(t, "/jobs/hers/logs?format=text", "Authorization", token); st.status != 503 {
		t.Errorf("as text: %d", st.status)
	}
}

// TestForgedTokens shows tokens that nobody of the config has signed for this,
// and tokens that are over. All are refused like no token at all, to the byte.
func TestForgedTokens(t *testing.T) {
	rs := signer(t, rsaSigner)
	s := newSite(t, sqliteStore, needing(withSecret, "key RS256 "+keyFile(t, rs), "issuer app"))
	logged(t, s, "hers", 2, "completed")
	app := jwt.MapClaims{"iss": "app"}
	good := claimed(t, tokenSecret, app)
	part := strings.Split(good, ".")
	other := base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"ann","aud":"logs","iss":"app","jobs":"*","exp":` + fmt.Sprint(time.Now().Add(time.Hour).Unix()) + "}"))
	ask := func(token string) string {
		return s.answer(t, "GET /jobs/hers/logs HTTP/1.1\r\nHost: site\r\nConnection: close\r\n"+token+"\r\n")
	}
	want := ask("")
	if got := ask("Authorization: Bearer " + good + "\r\n"); !strings.HasPrefix(got, "HTTP/1.1 200 ") || !strings.HasPrefix(want, "HTTP/1.1 401 ") {
		t.Fatalf("the good token: %s\nnone: %s", got, want)
	}
	for name, token := range map[string]string{
		"alg none":         issued(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, app),
		"no signature":     part[0] + "." + part[1] + ".",
		"key confusion":    issued(t, jwt.SigningMethodHS256, []byte(publicKeyPEM(t, rs)), app),
		"other claims":     part[0] + "." + other + "." + part[2],
		"other secret":     claimed(t, strings.Replace(tokenSecret, "what", "that", 1), app),
		"other algorithm":  issued(t, jwt.SigningMethodHS512, []byte(tokenSecret), app),
		"expired":          claimed(t, tokenSecret, jwt.MapClaims{"iss": "app", "exp": time.Now().Add(-2 * time.Second).Unix()}),
		"without an end":   claimed(t, tokenSecret, jwt.MapClaims{"iss": "app", "exp": nil}),
		"not yet":          claimed(t, tokenSecret, jwt.MapClaims{"iss": "app", "nbf": time.Now().Add(time.Hour).Unix()}),
		"another audience": claimed(t, tokenSecret, jwt.MapClaims{"iss": "app", "aud": "billing"}),
		"no audience":      claimed(t, tokenSecret, jwt.MapClaims{"iss": "app", "aud": nil}),
		"another issuer":   claimed(t, tokenSecret, jwt.MapClaims{"iss": "evil"}),
		"without jobs":     claimed(t, tokenSecret, jwt.MapClaims{"iss": "app", "jobs": nil}),
		"no token":         "x",
	} {
		t.Run(name, func(t *testing.T) {
			for _, header := range []string{"Authorization: Bearer ", "Cookie: __Host-jobs="} {
				if got := ask(header + token + "\r\n"); got != want {
					t.Errorf("%s: %s", header, got)
				}
			}
		})
	}
}

// TestTokenInURL puts a good token where it would be logged.
func TestTokenInURL(t *testing.T) {
	s := newSite(t, withLinks(sqliteStore), needing(withSecret))
	logged(t, s, "hers", 2, "completed")
	token := claimed(t, tokenSecret, nil)
	for query, status := range map[string]int{
		"token=": 400, "access_token=": 400, "jwt=": 400, "authorization=Bearer%20": 400, "__Host-jobs=": 400, "link=": 401, "lastEventId=": 400,
	} {
		st := s.get(t, "/jobs/hers/logs?"+query+token)
		if body := st.rest(); st.status != status || strings.Contains(body, token) {
			t.Errorf("%s: %d %q, want %d without the token", query, st.status, body, status)
		}
	}
}

// TestTokenOfAnotherJob compares to the byte what is said to a token that is for
// other jobs of a job that is there, and of one that is not.
func TestTokenOfAnotherJob(t *testing.T) {
	s := newSite(t, withLinks(sqliteStore), needing(withSecret))
	logged(t, s, "hers", 2, "completed")
	logged(t, s, "his", 2, "completed")
	token := claimed(t, tokenSecret, nil)
	for _, method := range []string{"GET", "HEAD"} {
		for _, query := range []string{"", "?follow=false", "?lastEventId=1", "?format=ndjson"} {
			ask := func(job string) string {
				return s.answer(t, fmt.Sprintf("%s /jobs/%s/logs%s HTTP/1.1\r\nHost: site\r\nAuthorization: Bearer %s\r\nConnection: close\r\n\r\n", method, job, query, token))
			}
			want := ask("ham")
			if got := ask("his"); got != want || !strings.HasPrefix(want, "HTTP/1.1 404 ") {
				t.Errorf("%s%s: of a job of others: %s\nof none: %s", method, query, got, want)
			}
			if got := ask("hers"); !strings.HasPrefix(got, "HTTP/1.1 20") {
				t.Errorf("%s%s: of hers: %s", method, query, got)
			}
		}
	}
}

// TestTokenCalls has a store asked as often for a job that a token is not for as
// for one that is not there.
func TestTokenCalls(t *testing.T) {
	var c *counted
	h := ownedHub(t, func(s joblog.Store) joblog.Store {
		c = &counted{Store: s}
		return c
	})
	tokens := &access.Tokens{Keys: []access.Key{{Algorithm: "HS256", Key: tokenSecret}}, Audience: []string{"logs"}}
	defer tokens.Close()
	if err := tokens.Provision(slog.Default()); err != nil {
		t.Fatal(err)
	}
	p := &permit{rules: &rules{tokens: tokens}}
	if err := p.rules.verify(t.Context(), p, claimed(t, tokenSecret, nil)); err != nil {
		t.Fatal(err)
	}
	for job, want := range map[string]error{"hers": nil, "his": errNotFound, "unknown": errNotFound, "hers-unknown": errNotFound} {
		*c = counted{Store: c.Store}
		_, err := new(Logs).find(t.Context(), h, job, p)
		if !errors.Is(err, want) || c.jobs != 1 || c.others != 0 {
			t.Errorf("%s: %v, want %v; asked for %d jobs, and %d other things", job, err, want, c.jobs, c.others)
		}
	}
}
