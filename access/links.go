package access

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Links are signed texts, each of which lets anybody who has it watch one job
// until it expires, however often.
type Links struct {
	// Keys are the secrets that sign links, each of at least 32 bytes. The first
	// signs; links that another one has signed are valid, too, so that a secret
	// can be replaced before the links of the old one have expired. Placeholders
	// such as {env.JOBS_LINK_SECRET} and {file./run/secrets/link} are replaced.
	// They are never logged. At least one is required.
	Keys []string `json:"keys,omitempty"`

	secrets [][]byte
}

// Provision replaces placeholders, and reports what cannot work.
func (l *Links) Provision() error {
	if len(l.Keys) == 0 {
		return errors.New("there is no key; write the secret that signs: links <key>")
	}
	for i, k := range l.Keys {
		s, err := secret(k)
		if err != nil {
			return fmt.Errorf("key %d: %w", i+1, err)
		}
		l.secrets = append(l.secrets, s)
	}
	return nil
}

// A link is <version>.<expiry>.<signature>: seconds since 1970, and a MAC in
// base64url.
const (
	linkVersion = "1"
	maxLink     = 80
)

// Sign is a link to a job, good for a scope until it expires, to the second. A
// scope says what can be done, and where; it is the caller's. The text uses
// only [0-9A-Za-z._~-].
func (l *Links) Sign(scope, job string, expires time.Time) string {
	return sign(l.secrets[0], scope, job, expires.Unix())
}

// Check returns when a link expires, if it is one to this job, for this scope.
// Its errors wrap ErrLink, and ErrExpired if it was valid once.
func (l *Links) Check(link, scope, job string) (expires time.Time, err error) {
	parts := strings.SplitN(link, ".", 3)
	if len(link) > maxLink || len(parts) != 3 {
		return time.Time{}, ErrLink
	}
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	if err != nil || !l.signed(link, scope, job, seconds) {
		return time.Time{}, ErrLink
	}
	if expires = time.Unix(seconds, 0); !time.Now().Before(expires) {
		return time.Time{}, fmt.Errorf("%w: %w", ErrLink, ErrExpired)
	}
	return expires, nil
}

// signed reports whether a link is, to the byte, what one of the secrets makes.
// So there is one text for a link, and no other is understood.
func (l *Links) signed(link, scope, job string, seconds int64) bool {
	for _, s := range l.secrets {
		if hmac.Equal([]byte(link), []byte(sign(s, scope, job, seconds))) {
			return true
		}
	}
	return false
}

func sign(secret []byte, scope, job string, seconds int64) string {
	mac := hmac.New(sha256.New, secret)
	// No token and no other version begins so, should they share the secret.
	frame := []byte("caddyjobs link " + linkVersion + "\x00")
	for _, field := range []string{scope, job} {
		frame = binary.BigEndian.AppendUint64(frame, uint64(len(field)))
		frame = append(frame, field...)
	}
	mac.Write(binary.BigEndian.AppendUint64(frame, uint64(seconds)))
	return fmt.Sprintf("%s.%d.%s", linkVersion, seconds, base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
}
