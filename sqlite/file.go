package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	_ "modernc.org/sqlite" // the database/sql driver
)

// Connections that read at once: logs, which there may be much of, and jobs. What
// follows the store has one of its own, and so have those who write.
const (
	readers = 4
	lookups = 2
)

// file is one opening of the database: its connections and what was found in it.
type file struct {
	info   os.FileInfo // which file it is, whatever the path names by now
	of     *Store
	read   *sql.DB // cannot write; neither can look and follow
	look   *sql.DB // for jobs
	follow *sql.DB // for the tail: one connection
	write  *sql.DB // one connection
	watch  *sql.DB // one connection, which sees the commits of all others
	*layout
	journals map[string]os.FileInfo // of WAL mode, by name

	users sync.WaitGroup // grows under the store's gate only
	doubt atomic.Bool    // open it again for the next user
}

// create makes an empty file, for its owner only: logs tell secrets.
func create(path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fmt.Errorf("making the directory: %w", err)
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil // another process was faster
	}
	if err != nil {
		return fmt.Errorf("creating the file: %w", err)
	}
	// Nobody has it open yet: closing a file drops the locks that this process
	// holds on it, SQLite's too.
	return f.Close()
}

// open opens the store's file, which exists, and gives it its schema if it is
// to have one from us.
func open(ctx context.Context, s *Store) (*file, error) {
	f := &file{of: s}
	err := f.open(ctx, s)
	if err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *file) open(ctx context.Context, s *Store) (err error) {
	if f.info, err = os.Stat(s.path); err != nil {
		return err
	}
	for db, settings := range map[**sql.DB]struct {
		connections int
		values      url.Values
	}{
		&f.read:   {readers, url.Values{"mode": {"ro"}, "_query_only": {"1"}}},
		&f.look:   {lookups, url.Values{"mode": {"ro"}, "_query_only": {"1"}}},
		&f.follow: {1, url.Values{"mode": {"ro"}, "_query_only": {"1"}}},
		&f.watch:  {1, url.Values{"mode": {"ro"}, "_query_only": {"1"}}},
		// A batch that was answered for survives a power cut: FULL.
		&f.write: {1, url.Values{"mode": {"rw"}, "_txlock": {"immediate"}, "_synchronous": {"FULL"}}},
	} {
		if *db, err = sql.Open("sqlite", dsn(s.path, s.busy, settings.values)); err != nil {
			return err
		}
		(*db).SetMaxOpenConns(settings.connections)
		(*db).SetMaxIdleConns(settings.connections)
	}
	err = f.retry(ctx, func() (err error) {
		f.layout, err = inspect(ctx, f.look, s)
		return err
	})
	if errors.Is(err, errVacant) {
		if err = createSchema(ctx, f.write, s.tables); err == nil {
			f.layout, err = inspect(ctx, f.look, s)
		}
	}
	if err == nil && f.owned && !f.wal {
		enableWAL(ctx, f.write)
	}
	f.journals = journals(s.path)
	return err
}

// dsn is the name of the file for database/sql.
func dsn(path string, busy time.Duration, values url.Values) string {
	values.Set("_busy_timeout", fmt.Sprint(busy.Milliseconds()))
	values.Set("_dqs", "0")      // a missing column is an error, not a text
	values.Set("_error_rc", "1") // no message of another call in an error
	return (&url.URL{Scheme: "file", OmitHost: true, Path: path, RawQuery: values.Encode()}).String()
}

// close waits for the users and closes all connections.
func (f *file) close() error {
	f.users.Wait()
	var errs []error
	for _, db := range []*sql.DB{f.watch, f.follow, f.look, f.read, f.write} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return errors.Join(errs...)
}

// retry calls do, and once more if a dead writer's transaction was in the way:
// connections that only read cannot undo it.
func (f *file) retry(ctx context.Context, do func() error) error {
	err := do()
	if !unfinished(err) {
		return err
	}
	var tables int // whatever is read, SQLite undoes the transaction first
	if err := f.write.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema`).Scan(&tables); err != nil {
		return fmt.Errorf("undoing the transaction of a writer that died: %w", err)
	}
	return do()
}

// snapshot calls do in a transaction that reads one state of the database.
func snapshot(ctx context.Context, db *sql.DB, do func(*sql.Tx) error) error {
	return transact(ctx, db, &sql.TxOptions{ReadOnly: true}, do)
}

// change calls do in a transaction that writes; nobody else writes meanwhile.
func (f *file) change(ctx context.Context, do func(*sql.Tx) error) error {
	return transact(ctx, f.write, nil, do)
}

func transact(ctx context.Context, db *sql.DB, opts *sql.TxOptions, do func(*sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, opts)
	if err != nil {
		return err
	}
	if err := do(tx); err != nil {
		return undo(tx, err)
	}
	return tx.Commit()
}

// undo rolls back after err. Where the context or SQLite did so already there
// is nothing to add.
func undo(tx *sql.Tx, err error) error {
	if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
		return errors.Join(err, rollback)
	}
	return err
}
