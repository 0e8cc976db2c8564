package oracle

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite" // the driver
)

// app is the name of the seed's sessions.
func (s *scenario) app() string { return fmt.Sprint("oracle ", s.seed) }

// config is that of a session of the application with Postgres.
func (s *scenario) config() (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(s.dsn)
	if err != nil {
		return nil, err
	}
	config.RuntimeParams["application_name"] = s.app()
	config.RuntimeParams["lock_timeout"] = "200ms" // a twin of a prepared row would wait for ever
	return config, nil
}

// connect makes a session of the application with Postgres.
func (s *scenario) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	return pgx.ConnectConfig(ctx, config)
}

// database is the application's, of either kind.
func (s *scenario) database() (*sql.DB, error) {
	if s.file {
		return sql.Open("sqlite", s.dsn)
	}
	config, err := s.config()
	if err != nil {
		return nil, err
	}
	return stdlib.OpenDB(*config), nil
}

// insist does it until it succeeds, on a new session each time.
func (s *scenario) insist(ctx context.Context, do func(context.Context, *sql.Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		err := s.attempt(ctx, do)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return fmt.Errorf("%w: %w", ctx.Err(), err)
		}
		pause(ctx, 10*time.Millisecond)
	}
}

func (s *scenario) attempt(ctx context.Context, do func(context.Context, *sql.Conn) error) error {
	db, err := s.database()
	if err != nil {
		return err
	}
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(ctx, conn)
}

// transact does it in one transaction.
func transact(ctx context.Context, conn *sql.Conn, do func(*sql.Tx) error) error {
	tx, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// asker is a session, or a transaction in one.
type asker interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// each calls row for each row of an answer.
func each(ctx context.Context, conn asker, query string, args []any, row func(scan func(...any) error) error) error {
	rows, err := conn.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := row(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// do runs statements that have the same arguments.
func run(ctx context.Context, tx *sql.Tx, args []any, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}
