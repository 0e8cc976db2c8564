package caddyjobs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/caddyjobs/caddyjobs/access"
)

// Who signs in these tests.
const (
	tokenSecret = "what signs tokens here, 40 bytes, a secret"
	linkSecret  = "what signs links here, 36 bytes of it"
)

var (
	rsaSigner = sync.OnceValues(func() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) })
	ecSigner  = sync.OnceValues(func() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) })
	edSigner  = sync.OnceValues(func() (crypto.Signer, error) {
		_, private, err := ed25519.GenerateKey(rand.Reader)
		return private, err
	})
)

func signer(t *testing.T, made func() (crypto.Signer, error)) crypto.Signer {
	t.Helper()
	key, err := made()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publicKeyPEM is the public key of a signer as it is handed out.
func publicKeyPEM(t *testing.T, key crypto.Signer) string {
	t.Helper()
	der, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// keyFile is a file with the public key of a signer, as a placeholder.
func keyFile(t *testing.T, key crypto.Signer) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "key.pem")
	if err := os.WriteFile(file, []byte(publicKeyPEM(t, key)), 0o600); err != nil {
		t.Fatal(err)
	}
	return "{file." + file + "}"
}

// claimed is a token that HS256 and a secret sign, for all jobs that begin with
// hers and for an hour, but for what is changed.
func claimed(t *testing.T, secret string, changes jwt.MapClaims) string {
	t.Helper()
	return issued(t, jwt.SigningMethodHS256, []byte(secret), changes)
}

// issued is the same by another method and key. A claim that is changed to nil is missing.
func issued(t *testing.T, method jwt.SigningMethod, key any, changes jwt.MapClaims) string {
	t.Helper()
	claims := jwt.MapClaims{"sub": "ann", "aud": "logs", "exp": time.Now().Add(time.Hour).Unix(), "jobs": []string{"hers*"}}
	maps.Copy(claims, changes)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	token, err := jwt.NewWithClaims(method, claims).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// needing is a site where viewers need a token, or a link.
func needing(keys ...string) string {
	return fmt.Sprintf("jobs_ingest\njobs_logs {\n tokens {\n audience logs\n %s\n }\n}", strings.Join(keys, "\n "))
}

// withSecret is the key that claimed signs with.
const withSecret = "key HS256 `" + tokenSecret + "`"

// withLinks are options by which there are links.
func withLinks(options string) string {
	return strings.Replace(options, "jobs {", "jobs {\n links `"+linkSecret+"`", 1)
}

// linkTo is a link to a job of the default store.
func linkTo(t *testing.T, job string, expires time.Time) string {
	t.Helper()
	return linkBy(t, linkSecret, linkScope(""), job, expires)
}

// linkBy is a link that is signed with a secret, for a scope.
func linkBy(t *testing.T, secret, scope, job string, expires time.Time) string {
	t.Helper()
	links := &access.Links{Keys: []string{secret}}
	if err := links.Provision(); err != nil {
		t.Fatal(err)
	}
	return links.Sign(scope, job, expires)
}
