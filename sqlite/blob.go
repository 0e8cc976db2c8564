package sqlite

import (
	"errors"
	"fmt"
	"math"

	"modernc.org/libc"
	"modernc.org/libc/sys/types"
	lib "modernc.org/sqlite/lib"
)

var (
	// errNoBlob is why a value cannot be read by blob: it is not one of a table's
	// own, or its row is gone.
	errNoBlob   = errors.New("there is no such value in a table")
	errNoMemory = errors.New("out of memory")
)

// blobs reads parts of values. SQL would load all of one, a gigabyte perhaps, to
// take its beginning, and database/sql has no other way. Each is a read of its own,
// not one of a transaction's snapshot.
type blobs struct {
	tls *libc.TLS
	db  uintptr
}

// openBlobs opens a database, whose locks are waited for as many milliseconds as
// busy. It is to be closed.
func openBlobs(path string, busy int) (*blobs, error) {
	b := &blobs{tls: libc.NewTLS()}
	name, err := libc.CString(path)
	if err == nil {
		defer libc.Xfree(b.tls, name)
		b.db, err = b.result(func(result uintptr) int32 {
			return lib.Xsqlite3_open_v2(b.tls, name, result, lib.SQLITE_OPEN_READONLY, 0)
		})
	}
	if err != nil {
		b.close()
		return nil, err
	}
	lib.Xsqlite3_busy_timeout(b.tls, b.db, int32(busy))
	return b, nil
}

func (b *blobs) close() {
	lib.Xsqlite3_close_v2(b.tls, b.db) // also of one that did not open
	b.tls.Close()
}

// result is what a function gives by a pointer to it.
func (b *blobs) result(of func(result uintptr) int32) (uintptr, error) {
	const word = 8 // a pointer has no more bytes anywhere
	result := libc.Xcalloc(b.tls, 1, word)
	if result == 0 {
		return 0, errNoMemory
	}
	defer libc.Xfree(b.tls, result)
	code := of(result)
	return libc.AtomicLoadNUintptr(result, 0), failure(b.tls, code)
}

// read reads the first bytes of a value, n at most.
func (b *blobs) read(table, column string, row int64, n int) (string, error) {
	names := make([]uintptr, 0, 3)
	defer func() {
		for _, p := range names {
			libc.Xfree(b.tls, p)
		}
	}()
	for _, name := range []string{"main", table, column} {
		p, err := libc.CString(name)
		if err != nil {
			return "", err
		}
		names = append(names, p)
	}
	value, err := b.result(func(result uintptr) int32 {
		return lib.Xsqlite3_blob_open(b.tls, b.db, names[0], names[1], names[2], row, 0, result)
	})
	if err != nil {
		return "", err
	}
	defer lib.Xsqlite3_blob_close(b.tls, value)
	n = min(n, int(lib.Xsqlite3_blob_bytes(b.tls, value)), math.MaxInt32)
	buf := libc.Xmalloc(b.tls, types.Size_t(max(n, 1)))
	if buf == 0 {
		return "", errNoMemory
	}
	defer libc.Xfree(b.tls, buf)
	if err := failure(b.tls, lib.Xsqlite3_blob_read(b.tls, value, buf, int32(n), 0)); err != nil {
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
