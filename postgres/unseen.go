package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/tables"
)

// unseenTime is how long, in milliseconds, rows are looked for that are never
// seen. By an index it takes no time.
const unseenTime = "200"

// inspectUnseen warns of rows that are never seen, since they have no id or one
// below 1, if that is found out quickly.
func (l *layout) inspectUnseen(ctx context.Context, pool *pgxpool.Pool, t tables.Tables) error {
	if !l.byID {
		return nil
	}
	for what, query := range map[string]string{
		"with an id below 1": `SELECT coalesce(min({id}) < 1, false) FROM {events}`,
		"whose id is NULL":   `SELECT EXISTS (SELECT FROM {events} WHERE {id} IS NULL)`,
	} {
		var some bool
		err := pgx.BeginTxFunc(ctx, pool, pgx.TxOptions{AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `SELECT set_config('statement_timeout', $1, true)`, unseenTime); err != nil {
				return err
			}
			return tx.QueryRow(ctx, named(query, t)).Scan(&some)
		})
		if err != nil && !errors.As(err, new(*pgconn.PgError)) { // else it is an answer: who reads rows will hear of it
			return err
		}
		if some {
			l.warnings = append(l.warnings, fmt.Sprintf("rows of %s %s are never shown: ids begin with 1", t.Events.Table, what))
		}
	}
	return nil
}
