package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// connectError is why there is no connection, in words that have nothing of the
// DSN but the hosts and the user. The server's own quote what it was sent, which
// may be the rest of a password.
type connectError struct{ *pgconn.ConnectError }

// discreet is an error that may be logged.
func discreet(err error) error {
	var failed *pgconn.ConnectError
	if errors.As(err, &failed) {
		return &connectError{failed}
	}
	return err
}

func (e *connectError) Error() string {
	hosts := []string{e.Config.Host}
	for _, f := range e.Config.Fallbacks {
		if f.Host != hosts[len(hosts)-1] {
			hosts = append(hosts, f.Host)
		}
	}
	return fmt.Sprintf("connecting to %s as %s: %s", strings.Join(hosts, ", "), e.Config.User, reason(e.ConnectError))
}

// Unwrap is the driver's error, which is not to be logged.
func (e *connectError) Unwrap() error { return e.ConnectError }

// reasons are what answers to the begin of a session mean, by their codes.
var reasons = map[string]string{
	"28P01": "the password is wrong",
	"28000": "the server does not let this user in from here (pg_hba.conf), or there is no such user",
	"3D000": "there is no such database",
	"42501": "the user may not use the database, or set what the dsn says",
	"42704": "the server does not know a setting of the dsn",
	"22023": "the server does not take a value of a setting of the dsn",
	"08P01": "the server, or a pooler before it, does not take what the dsn says",
}

// reason is why there is no connection.
func reason(e *pgconn.ConnectError) string {
	var answer *pgconn.PgError
	if !errors.As(e, &answer) {
		return e.Unwrap().Error() // of the network: it has hosts and addresses in it
	}
	text, known := reasons[answer.Code]
	switch {
	case known:
	case strings.HasPrefix(answer.Code, "53"), strings.HasPrefix(answer.Code, "57"):
		text = answer.Message // about the server alone
	default:
		text = "the server refuses it"
	}
	return text + " (SQLSTATE " + answer.Code + ")"
}
