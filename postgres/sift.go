package postgres

import (
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// A statement about many rows fails if one of them cannot be read: a view that
// works out its message may find that it has none. Postgres does not tell which
// one it is. So fewer and fewer are asked for, until one alone fails; then more
// and more again.

// siftStatements bounds the statements of a tick or a page that has such rows.
const siftStatements = 64

// faulty reports whether an error may be of one of the rows that a statement was
// about, and not of the connection, the session, the transaction, the server and
// its means, of what may be done, or of the statement itself, of which it then
// tells the place: a column that is gone is no row's fault.
func faulty(err error) bool {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) || len(answer.Code) != 5 || answer.Position > 0 {
		return false
	}
	for _, class := range [...]string{"08", "0A", "25", "26", "28", "40", "42501", "42P05", "53", "55", "57", "58"} {
		if strings.HasPrefix(answer.Code, class) {
			return false
		}
	}
	return true
}

// sifter goes through n things, with the means of a store.
type sifter struct {
	statements int // that are left
	// try does what is to be done for those from one up to another. It says how
	// many it has done, and fails if one of them cannot be.
	try func(from, to int) (int, error)
	// pass takes note of one that cannot be done.
	pass func(at int, why error) error
}

// sift does what can be done, in order, and returns how many it went through: not
// all if try did fewer than it was asked for, or after too many statements.
func (s *sifter) sift(n int) (done int, err error) {
	for size := n; done < n && s.statements > 0; s.statements-- {
		to := min(done+size, n)
		did, err := s.try(done, to)
		switch {
		case err == nil:
			if done += did; done < to {
				return done, nil
			}
			size *= 2
		case !faulty(err):
			return done, err
		case to == done+1:
			if err := s.pass(done, err); err != nil {
				return done, err
			}
			done++
		default:
			size = (to - done) / 2
		}
	}
	return done, nil
}

// placeholder is what stands for a row that cannot be read.
func placeholder(err error) string {
	var answer *pgconn.PgError
	if !errors.As(err, &answer) {
		return "This row cannot be read."
	}
	return fmt.Sprintf("This row cannot be read: %s (Postgres error %s).", fault(answer.Code), answer.Code)
}

// fault is why a row cannot be read, by the database's code. Its own words may
// have in them what the row has, in columns that are nobody's to see.
func fault(code string) string {
	for _, f := range [...]struct{ code, text string }{
		{"22012", "it divides by zero"},
		{"22021", "it has bytes that are no text"},
		{"22P05", "it has a character that the database's texts cannot have"},
		{"22P02", "a value in it is not written as its type is"},
		{"22003", "a number in it is out of range"},
		{"22007", "a time in it is not written as one"},
		{"22008", "a time in it is out of range"},
		{"2203", "its JSON is not as it should be"},
		{"22", "a value in it is not as it should be"},
		{"XX001", "it is damaged in the database's files"},
		{"P0", "the database refuses it"},
	} {
		if strings.HasPrefix(code, f.code) {
			return f.text
		}
	}
	return "to work it out fails"
}
