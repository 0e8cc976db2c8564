package access

import (
	"errors"
	"fmt"

	"github.com/golang-jwt/jwt/v5"
)

// Errors that callers tell apart. Their texts, and those of what wraps them,
// have nothing of a token, a link or a key.
var (
	// ErrToken is a token that is not to be accepted, now or later.
	ErrToken = errors.New("the token is not valid")
	// ErrLink is a link that is not to be accepted, now or later.
	ErrLink = errors.New("the link is not valid")
	// ErrExpired is a token or a link that was valid once.
	ErrExpired = errors.New("it has expired")
	// ErrUnavailable is a token of which nobody can say whether it is valid,
	// because keys cannot be fetched at the moment.
	ErrUnavailable = errors.New("the keys of tokens are unavailable")
)

// errNoKey is a token that none of the keys at hand has signed.
var errNoKey = fmt.Errorf("%w: none of the keys has signed it", ErrToken)

// refusals are what is said of the parser's errors, the first that fits. The
// errors themselves may quote the token. That it has expired is said of a
// token only if nothing else is wrong with it.
var refusals = []struct{ of, say error }{
	{jwt.ErrTokenMalformed, errors.New("it is malformed")},
	{jwt.ErrTokenUnverifiable, errors.New("its algorithm is not accepted")},
	{jwt.ErrTokenSignatureInvalid, errNoKey},
	{jwt.ErrTokenInvalidAudience, errors.New("it is for another audience")},
	{jwt.ErrTokenInvalidIssuer, errors.New("it is of another issuer")},
	{jwt.ErrTokenRequiredClaimMissing, errors.New("it has no exp, aud or iss")},
	{jwt.ErrInvalidType, errors.New("a claim of it is of the wrong type")},
	{jwt.ErrTokenNotValidYet, errors.New("it is not valid yet")},
	{jwt.ErrTokenUsedBeforeIssued, errors.New("it was issued in the future")},
	{jwt.ErrTokenExpired, ErrExpired},
}

// refuse is the error for one of the parser.
func refuse(err error) error {
	for _, r := range refusals {
		switch {
		case !errors.Is(err, r.of):
		case errors.Is(r.say, ErrToken):
			return r.say
		default:
			return fmt.Errorf("%w: %w", ErrToken, r.say)
		}
	}
	return ErrToken
}
