package sqlite

import (
	"errors"
	"fmt"

	"modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// code is SQLite's primary result code of an error, 0 if it has none.
func code(err error) int {
	var e *sqlite.Error
	if errors.As(err, &e) {
		return e.Code() & 0xff
	}
	return lib.SQLITE_OK
}

// unfinished reports whether err is of a connection that only reads and met
// what a writer left that died in mid-transaction.
func unfinished(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code() == lib.SQLITE_READONLY_ROLLBACK || e.Code() == lib.SQLITE_READONLY_RECOVERY)
}

// doubtful reports whether an error may mean that the schema has changed or
// that the connections are of no use any more.
func doubtful(err error) bool {
	if errors.Is(err, joblog.ErrUnserved) {
		return false
	}
	switch code(err) {
	case lib.SQLITE_ERROR, lib.SQLITE_SCHEMA, lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB,
		lib.SQLITE_IOERR, lib.SQLITE_CANTOPEN, lib.SQLITE_READONLY, lib.SQLITE_PROTOCOL:
		return true
	default:
		return false
	}
}

// explain adds to SQLite's errors what to do about them.
func (s *Store) explain(err error) error {
	switch code(err) {
	case lib.SQLITE_BUSY:
		return fmt.Errorf("another connection has held the lock for %s: %w", s.busy, err)
	case lib.SQLITE_READONLY:
		return fmt.Errorf("the user Caddy runs as must be able to write to the file and its directory: %w", err)
	case lib.SQLITE_CANTOPEN:
		return fmt.Errorf("the user Caddy runs as must be able to open the file, and, in WAL mode, its -wal and -shm or to create them beside it: %w", err)
	case lib.SQLITE_NOTADB:
		return fmt.Errorf("the path of the store must name a database or a new file: %w", err)
	case lib.SQLITE_FULL:
		return fmt.Errorf("the disk is full: %w", err)
	default:
		return err
	}
}
