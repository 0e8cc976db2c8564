package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
)

// identityKey makes identities tell nothing outside this process, whatever the
// secrets that are in them.
var identityKey = []byte(rand.Text())

// Identity tells these rules and keys apart from all others, as long as the
// process runs: it is equal for equal ones only. It reveals no key. What a
// JWKS has does not count; see Version.
func (t *Tokens) Identity() string { return t.identity }

func (t *Tokens) newIdentity() string {
	type rule struct {
		Algorithm, KID string
		Bytes          []byte
	}
	var keys []rule
	for _, k := range t.fixed {
		keys = append(keys, rule{k.algorithm, k.kid, k.bytes()})
	}
	text, _ := json.Marshal([]any{keys, t.JWKS, t.Audience, t.Issuer, t.Cookie, t.Leeway})
	mac := hmac.New(sha256.New, identityKey)
	mac.Write(text)
	return hex.EncodeToString(mac.Sum(nil))
}
