package access

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/golang-jwt/jwt/v5"
)

// Key is a key that signs tokens, with the one algorithm it is for.
type Key struct {
	// Algorithm is HS256, HS384 or HS512 for a secret; RS256, RS384, RS512,
	// PS256, PS384, PS512, ES256, ES384, ES512 or EdDSA for a public key.
	// Required.
	Algorithm string `json:"algorithm,omitempty"`
	// KID is the key's id. Tokens that name another key are not tried with this
	// one. Default: none; the key is tried with any token of its algorithm.
	KID string `json:"kid,omitempty"`
	// Key is the secret, of at least 32 bytes, or the public key or certificate
	// as PEM; of a certificate nothing but the key counts. RSA keys have at
	// least 2048 bits, and the key for ES256, ES384 and ES512 is on the curve
	// P-256, P-384 and P-521. Placeholders such as {env.JOBS_SECRET} and
	// {file./run/secrets/key} are replaced. It is never logged. Required.
	Key string `json:"key,omitempty"`
}

// minRSA is the size of the smallest RSA key, in bits, as RFC 7518 has it.
const minRSA = 2048

// algorithms tell whether a key is one for an algorithm. Verification asks for
// the kind of key, but not for its curve.
var algorithms = map[string]func(key any) bool{
	"HS256": isSecret, "HS384": isSecret, "HS512": isSecret,
	"RS256": isRSA, "RS384": isRSA, "RS512": isRSA,
	"PS256": isRSA, "PS384": isRSA, "PS512": isRSA,
	"ES256": isOn(elliptic.P256()), "ES384": isOn(elliptic.P384()), "ES512": isOn(elliptic.P521()),
	"EdDSA": isEd25519,
}

func isSecret(key any) bool { s, ok := key.([]byte); return ok && len(s) >= minSecret }

func isRSA(key any) bool { k, ok := key.(*rsa.PublicKey); return ok && k.N.BitLen() >= minRSA }

func isEd25519(key any) bool { _, ok := key.(ed25519.PublicKey); return ok }

func isOn(curve elliptic.Curve) func(any) bool {
	return func(key any) bool { k, ok := key.(*ecdsa.PublicKey); return ok && k.Curve == curve }
}

func algorithmNames() []string { return slices.Sorted(maps.Keys(algorithms)) }

// symmetric reports whether an algorithm verifies with the secret that signs.
func symmetric(algorithm string) bool { return strings.HasPrefix(algorithm, "HS") }

// key is a Key with its placeholders replaced, or one of a JWKS.
type key struct {
	algorithm, kid string
	material       jwt.VerificationKey
}

// bytes are the key itself; those of a secret are the secret.
func (k key) bytes() []byte {
	if secret, ok := k.material.([]byte); ok {
		return secret
	}
	der, _ := x509.MarshalPKIXPublicKey(k.material) // all kinds of keys here can be
	return der
}

// ring is keys among which a token's are found.
type ring []key

// find are the keys that may have signed a token.
func (r ring) find(h head) (found []jwt.VerificationKey) {
	for _, k := range r {
		if k.algorithm == h.algorithm && (k.kid == h.kid || k.kid == "" || h.kid == "") {
			found = append(found, k.material)
		}
	}
	return found
}

// has reports whether the key that a token names is among those of the ring.
func (r ring) has(h head) bool {
	return h.kid != "" && slices.ContainsFunc(r, func(k key) bool {
		return k.algorithm == h.algorithm && k.kid == h.kid
	})
}

func (k Key) provision() (key, error) {
	fits, known := algorithms[k.Algorithm]
	if !known {
		// It is not told: it may be the key, which stands in its place.
		return key{}, fmt.Errorf("its algorithm is not known; before the key write one of %s", strings.Join(algorithmNames(), ", "))
	}
	material, err := k.material()
	if err != nil {
		return key{}, fmt.Errorf("%s: %w", k.Algorithm, err)
	}
	if !fits(material) {
		return key{}, fmt.Errorf("%s: this is not a key for it; RSA keys need %d bits, and ES256, ES384 and ES512 the curves P-256, P-384 and P-521", k.Algorithm, minRSA)
	}
	return key{k.Algorithm, k.KID, material}, nil
}

func (k Key) material() (any, error) {
	if !symmetric(k.Algorithm) {
		text, err := replace(k.Key)
		if err != nil {
			return nil, err
		}
		return publicKey(text)
	}
	material, err := secret(k.Key)
	if block, _ := pem.Decode(material); block != nil {
		// Whoever has the public key could sign with it.
		return nil, errors.New("this is a PEM file, not a secret")
	}
	return material, err
}

// publicKey reads a public key or a certificate.
func publicKey(text string) (any, error) {
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		return nil, errors.New("the key is not PEM; it must begin with -----BEGIN PUBLIC KEY----- or -----BEGIN CERTIFICATE-----")
	}
	switch block.Type {
	case "PUBLIC KEY":
		return x509.ParsePKIXPublicKey(block.Bytes)
	case "RSA PUBLIC KEY":
		return x509.ParsePKCS1PublicKey(block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	}
	return nil, errors.New("the PEM file has neither a public key nor a certificate; private keys stay with who signs")
}
