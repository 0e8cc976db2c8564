package sqlite

import (
	"errors"
	"fmt"
	"math"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

// errNoBlob is why a value cannot be read by blob: it is not one of a table's
// own, or its row is gone.
var errNoBlob = errors.New("there is no such value in a table")

// blob reads the first bytes of a value, n at most. SQL would load all of it, a
// gigabyte perhaps, to take its beginning, and database/sql has no other way. It
// is a read of its own, not one of a transaction's snapshot.
func blob(path, table, column string, row int64, n, busy int) (string, error) {
	tls := libc.NewTLS()
	defer tls.Close()
	names := make([]uintptr, 0, 4)
	defer func() {
		for _, p := range names {
			libc.Xfree(tls, p)
		}
	}()
	for _, name := range []string{path, "main", table, column} {
		p, err := libc.CString(name)
		if err != nil {
			return "", err
		}
		names = append(names, p)
	}
	open := func(how func(result uintptr) int32) (uintptr, error) {
		const word = 8 // a pointer has no more bytes anywhere
		result := libc.Xcalloc(tls, 1, word)
		if result == 0 {
			return 0, errors.New("out of memory")
		}
		defer libc.Xfree(tls, result)
		code := how(result)
		return libc.AtomicLoadNUintptr(result, 0), failure(tls, code)
	}
	db, err := open(func(result uintptr) int32 {
		return lib.Xsqlite3_open_v2(tls, names[0], result, lib.SQLITE_OPEN_READONLY, 0)
	})
	defer lib.Xsqlite3_close_v2(tls, db) // also of one that did not open
	if err != nil {
		return "", err
	}
	lib.Xsqlite3_busy_timeout(tls, db, int32(busy))
	value, err := open(func(result uintptr) int32 {
		return lib.Xsqlite3_blob_open(tls, db, names[1], names[2], names[3], row, 0, result)
	})
	if err != nil {
		return "", err
	}
	defer lib.Xsqlite3_blob_close(tls, value)
	n = min(n, int(lib.Xsqlite3_blob_bytes(tls, value)), math.MaxInt32)
	buf := libc.Xmalloc(tls, types.Size_t(max(n, 1)))
	if buf == 0 {
		return "", errors.New("out of memory")
	}
	defer libc.Xfree(tls, buf)
	if err := failure(tls, lib.Xsqlite3_blob_read(tls, value, buf, int32(n), 0)); err != nil {
		return "", err
	}
	return string(libc.GoBytes(buf, n)), nil // a copy
}

// failure is what a result code says.
func failure(tls *libc.TLS, code int32) error {
	switch code & 0xff {
	case lib.SQLITE_OK:
		return nil
	case lib.SQLITE_ERROR:
		return errNoBlob
	default:
		return fmt.Errorf("reading a part of a value: %s (%d)", libc.GoString(lib.Xsqlite3_errstr(tls, code)), code)
	}
}
