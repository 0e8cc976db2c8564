package access

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Keys of those who sign in these tests.
var (
	hmacKey  = []byte("a secret of an application, of 40 bytes.")
	edKey    = ed25519.NewKeyFromSeed([]byte("an application's seed, 32 bytes."))
	rsaKey   = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	otherRSA = sync.OnceValue(func() *rsa.PrivateKey { return must(rsa.GenerateKey(rand.Reader, 2048)) })
	p256Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	stranger = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) })
	p384Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P384(), rand.Reader)) })
	p521Key  = sync.OnceValue(func() *ecdsa.PrivateKey { return must(ecdsa.GenerateKey(elliptic.P521(), rand.Reader)) })
)

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func publicPEM(private crypto.Signer) string {
	der := must(x509.MarshalPKIXPublicKey(private.Public()))
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
}

// claims are those of a token that is accepted, with changes; nil removes one.
func claims(changes jwt.MapClaims) jwt.MapClaims {
	c := jwt.MapClaims{
		"sub": "somebody", "aud": "logs", "exp": time.Now().Add(time.Hour).Unix(),
		"jobs": []string{"a", "b*"},
	}
	maps.Copy(c, changes)
	maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
	return c
}

// signed is a token with a header of one's choice.
func signed(algorithm string, key any, c jwt.MapClaims, header map[string]any) string {
	token := jwt.NewWithClaims(jwt.GetSigningMethod(algorithm), c)
	maps.Copy(token.Header, header)
	return must(token.SignedString(key))
}

// signedText is a token with exactly this header and these claims.
func signedText(algorithm string, key any, header, claims string) string {
	text := segment(header) + "." + segment(claims)
	return text + "." + segment(string(must(jwt.GetSigningMethod(algorithm).Sign(text, key))))
}

func segment(text string) string { return (*jwt.Token)(nil).EncodeSegment([]byte(text)) }

// provisioned is ready to verify, until the test ends. What it logs can be
// read.
func provisioned(t testing.TB, tokens *Tokens) *logged {
	t.Helper()
	log := new(logged)
	if tokens.Audience == nil {
		tokens.Audience = []string{"logs"}
	}
	t.Cleanup(tokens.Close)
	if err := tokens.Provision(slog.New(slog.NewTextHandler(log, nil))); err != nil {
		t.Fatal(err)
	}
	return log
}

// logged is what was logged.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) count(what string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Count(l.text.String(), what)
}
