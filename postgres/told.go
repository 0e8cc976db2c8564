package postgres

import (
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// tellAgain is how long what was told is not told again.
const tellAgain = time.Hour

// told is what the log has been told of rows, by what it is about.
type told struct {
	mu sync.Mutex
	at map[string]time.Time
}

// first reports whether something is to be told.
func (t *told) first(what string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if at, ok := t.at[what]; ok && time.Since(at) < tellAgain {
		return false
	}
	if t.at == nil {
		t.at = map[string]time.Time{}
	}
	t.at[what] = time.Now()
	return true
}

// unreadable tells the log that a row of a table cannot be read: once for each
// kind of error, however many rows have it.
func (s *Store) unreadable(table string, row any, err error) {
	var answer *pgconn.PgError
	if errors.As(err, &answer) && s.told.first(table+answer.Code) {
		s.log.Warn("a row cannot be read, and nothing else suffers; others with this error are not told of for an hour",
			"table", table, "row", row, "code", answer.Code, "error", answer.Message)
	}
}
