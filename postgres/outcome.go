package postgres

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// errUncertain is wrapped where nobody knows whether a transaction was
// committed: the connection was lost in between.
var errUncertain = errors.New("the connection was lost while it was committed, so it may be stored, or not")

// is reports whether an error is the database's, of this code or class.
func is(err error, code string) bool {
	var answer *pgconn.PgError
	return errors.As(err, &answer) && strings.HasPrefix(answer.Code, code)
}

// lost reports whether an error is of a connection that is no more, and not an
// answer to the call, a refusal of ours, or the end of the call's own time.
func lost(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	if answer := (*pgconn.PgError)(nil); errors.As(err, &answer) {
		return strings.HasPrefix(answer.Code, "08") || strings.HasPrefix(answer.Code, "57P") ||
			slices.Contains([]string{"FATAL", "PANIC"}, answer.SeverityUnlocalized)
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err)
}

// failedToConnect reports whether there was no connection to begin with, though
// the server was not merely full.
func failedToConnect(err error) bool {
	return errors.As(err, new(*pgconn.ConnectError)) && !is(err, "53300")
}

// again reports whether a call is to be made once more: its connection was lost,
// or is a pooler's that does not know what was prepared, and nothing was stored.
func again(ctx context.Context, err error) bool {
	if errors.As(err, new(*pgconn.ConnectError)) || errors.Is(err, errUncertain) || ctx.Err() != nil {
		return false
	}
	return lost(ctx, err) || is(err, "26000") || is(err, "42P05")
}

// unserved reports whether the server lives, as far as an error tells, and had
// no time or no room for a call.
func unserved(ctx context.Context, err error) bool {
	return is(err, "57014") || is(err, "53300") || errors.Is(ctx.Err(), context.DeadlineExceeded) && !failedToConnect(err)
}
