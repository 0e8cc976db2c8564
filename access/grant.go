package access

import (
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// Grant is what a token allows.
type Grant struct {
	// Subject is whom the token is about, its claim sub; empty if it has none.
	Subject string
	// Expires is when the token is no longer accepted: its exp.
	Expires time.Time

	jobs []string
}

// Allows reports whether a job may be watched.
func (g *Grant) Allows(job string) bool {
	for _, j := range g.jobs {
		prefix, more := strings.CutSuffix(j, "*")
		if j == job || more && strings.HasPrefix(job, prefix) {
			return true
		}
	}
	return false
}

// newGrant reads the claims of a token that has been verified. The parser lets
// exp have the leeway, which is for tokens that come early alone.
func newGrant(claims jwt.MapClaims) (*Grant, error) {
	if err := checkTimes(claims); err != nil {
		return nil, err
	}
	jobs, err := jobsOf(claims)
	if err != nil {
		return nil, err
	}
	subject, err := claims.GetSubject()
	if err != nil {
		return nil, refuse(err)
	}
	expires, err := claims.GetExpirationTime()
	if err != nil {
		return nil, refuse(err)
	}
	if !time.Now().Before(expires.Time) {
		return nil, refuse(jwt.ErrTokenExpired)
	}
	return &Grant{Subject: subject, Expires: expires.Time, jobs: jobs}, nil
}

// checkTimes refuses numbers that are no time: converted, they become any.
func checkTimes(claims jwt.MapClaims) error {
	const endOfTime = 253402300799 // the last second of the year 9999
	for _, name := range []string{"exp", "nbf", "iat"} {
		value, there := claims[name]
		if seconds, ok := value.(float64); there && (!ok || seconds < 0 || seconds > endOfTime) {
			return fmt.Errorf("%w: its claim %s is no time", ErrToken, name)
		}
	}
	return nil
}

// jobsOf is the claim jobs.
func jobsOf(claims jwt.MapClaims) (jobs []string, err error) {
	list, ok := claims["jobs"].([]any)
	if !ok {
		list = []any{claims["jobs"]}
	}
	for _, entry := range list {
		job, ok := entry.(string)
		if !ok {
			return nil, fmt.Errorf("%w: it allows no job; it needs the claim jobs, a list of ids", ErrToken)
		}
		jobs = append(jobs, job)
	}
	return jobs, nil
}
