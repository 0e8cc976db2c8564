package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

// tokenKey is the secret of the application that signs tokens.
const tokenKey = "a secret of an application, of 40 bytes."

// token is what lets in for a minute, with changes of its claims; nil leaves
// one out.
func token(t *testing.T, method jwt.SigningMethod, key any, changes jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{
		"aud": "logs", "iss": "https://id.example.com", "sub": "ann", "exp": time.Now().Add(time.Minute).Unix(),
		"jobs": []string{"hers", "nightly-*"},
	}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	text, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// issuer is a server with a JWKS, which counts how often that is fetched.
type issuer struct {
	*httptest.Server
	key     *ecdsa.PrivateKey
	fetched atomic.Int64
}

func newIssuer(t *testing.T) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	jwk, err := jwkset.NewJWKFromKey(key.Public(), jwkset.JWKOptions{Metadata: jwkset.JWKMetadataOptions{ALG: jwkset.AlgES256}})
	if err != nil {
		t.Fatal(err)
	}
	set, err := json.Marshal(map[string]any{"keys": []any{jwk.Marshal()}})
	if err != nil {
		t.Fatal(err)
	}
	i := &issuer{key: key}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.fetched.Add(1)
		_, _ = w.Write(set)
	}))
	t.Cleanup(i.Close)
	return i
}

// TestTokens runs the README's recipe, with a secret from the environment and
// keys from a server.
func TestTokens(t *testing.T) {
	t.Parallel()
	a, i := newPostgresApp(t), newIssuer(t)
	text := changed(t, recipe(t, "tokens {", "jwks"), "https://id.example.com/.well-known/jwks.json", i.URL)
	s := startRecipe(t, a, text, "JOBS_TOKEN_KEY="+tokenKey)
	for _, job := range []string{"hers", "his", "nightly-7"} {
		a.addJobOf(t, "", job)
	}
	const path = "/jobs/hers/logs?follow=false"
	hs := func(changes jwt.MapClaims) string { return token(t, jwt.SigningMethodHS256, []byte(tokenKey), changes) }
	es := func(changes jwt.MapClaims) string { return token(t, jwt.SigningMethodES256, i.key, changes) }
	for _, good := range []string{hs(nil), es(nil), hs(jwt.MapClaims{"aud": []string{"mail", "logs"}, "jobs": "hers"}), es(jwt.MapClaims{"jobs": "*"})} {
		s.sees(t, http.StatusOK, path, "Authorization", "Bearer "+good)
		s.sees(t, http.StatusOK, path, "Cookie", "__Host-jobs="+good)
		s.sees(t, http.StatusUnauthorized, path, "Cookie", "jobs="+good)
		s.sees(t, http.StatusBadRequest, path+"&token="+good)
	}
	s.sees(t, http.StatusOK, "/jobs/nightly-7/logs?follow=false", "Authorization", "Bearer "+es(nil))
	s.sees(t, http.StatusNotFound, "/jobs/his/logs?follow=false", "Authorization", "Bearer "+es(nil))
	s.sees(t, http.StatusNotFound, "/jobs/nightly-7/logs?follow=false", "Authorization", "Bearer "+hs(jwt.MapClaims{"jobs": "nightly"}))
	s.sees(t, http.StatusUnauthorized, path)
	none := token(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, nil)
	stranger := token(t, jwt.SigningMethodHS256, []byte("a secret of somebody else, of 37 bytes"), nil)
	for _, bad := range []string{
		none, stranger, hs(nil) + "x", "x",
		hs(jwt.MapClaims{"aud": "mail"}), es(jwt.MapClaims{"iss": "https://evil.example.com"}), es(jwt.MapClaims{"iss": nil}),
		hs(jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}), hs(jwt.MapClaims{"exp": nil}), es(jwt.MapClaims{"jobs": nil}),
		base64.RawURLEncoding.EncodeToString([]byte(tokenKey)),
	} {
		s.sees(t, http.StatusUnauthorized, path, "Authorization", "Bearer "+bad)
		s.sees(t, http.StatusUnauthorized, path, "Cookie", "__Host-jobs="+bad)
	}
	if n := i.fetched.Load(); n != 1 {
		t.Errorf("the keys were fetched %d times", n)
	}
}

// TestTokenExpires has a token end beneath a stream: its client is told, refused
// with the same one, and goes on with a new one.
func TestTokenExpires(t *testing.T) {
	t.Parallel()
	a := newPostgresApp(t)
	text := changed(t, recipe(t, "tokens {", "jwks"), "jwks https://id.example.com/.well-known/jwks.json\n", "")
	s := startRecipe(t, a, text, "JOBS_TOKEN_KEY="+tokenKey)
	a.addJobOf(t, "", "hers")
	with := func(left time.Duration) string {
		return "__Host-jobs=" + token(t, jwt.SigningMethodHS256, []byte(tokenKey), jwt.MapClaims{"exp": time.Now().Add(left).Unix()})
	}
	url, cookie := s.https+"/jobs/hers/logs", with(2*time.Second)
	// Over both protocols: one has a goroutine, and the other is parked.
	watching := []*transcript{watch(t, s, url, "Cookie", cookie), startCurl(t, s, url, "--http1.1", "-H", "Cookie: "+cookie)}
	for _, tr := range watching {
		tr.awaitLines(t, 3)
	}
	for _, tr := range watching {
		tr.await(t, "auth_expired", func(now seen) bool { return now.closed && slices.Contains(now.events, "auth_expired") })
	}
	s.sees(t, http.StatusUnauthorized, "/jobs/hers/logs?follow=false", "Cookie", cookie)
	rows := a.rows(t, "hers")
	again := watch(t, s, url, "Cookie", with(time.Minute), "Last-Event-ID", fmt.Sprint(rows[2].ID))
	a.log(t, "hers", 2, "with a new one %d")
	a.setState(t, "hers", "completed")
	again.awaitEnd(t, "completed", a.rows(t, "hers")[3:])
	if log := s.logged(t); strings.Contains(log, strings.TrimPrefix(cookie, "__Host-jobs=")) || strings.Contains(log, tokenKey) {
		t.Error("the log tells what lets in")
	}
}
