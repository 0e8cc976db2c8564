package access

import (
	"errors"
	"fmt"

	"github.com/caddyserver/caddy/v2"
)

// minSecret is the length of the shortest secret, in bytes: below it, a secret
// is easier to guess than what it signs is to forge.
const minSecret = 32

// secret is a secret of the config with its placeholders replaced. Errors do
// not tell it, not even those of a placeholder: braces may be part of a secret
// that was not meant to have any.
func secret(value string) ([]byte, error) {
	text, err := replace(value)
	switch {
	case err != nil:
		return nil, err
	case len(text) < minSecret:
		return nil, fmt.Errorf("the secret has %d bytes; it must have at least %d, such as those that `openssl rand -base64 48` prints", len(text), minSecret)
	}
	return []byte(text), nil
}

// replace is a value with its placeholders replaced, all of which must be
// known and not empty: what stays in braces is no secret.
func replace(value string) (string, error) {
	text, err := caddy.NewReplacer().ReplaceOrErr(value, true, true)
	if err != nil {
		return "", errors.New("a placeholder of it is unknown or empty; it can be {env.NAME} with that variable set, or {file./path} with a file that can be read; braces of its own are written as \\{ and \\}")
	}
	return text, nil
}
