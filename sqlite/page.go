package sqlite

import (
	"database/sql"
	"fmt"
	"unicode/utf8"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// page collects events up to its bounds.
type page struct {
	rows, bytes int // bounds, at least one event fits
	maxMessage  int // bytes
	skip        func(id int64) bool

	events []joblog.Event
	size   int  // bytes
	more   bool // a bound ended it
}

// add scans a row into e, the columns after the event's into more, and takes
// it unless skip passes it over, or returns errEnough if it does not fit.
func (p *page) add(scan scanner, e *joblog.Event, more ...any) error {
	var message, at any
	var severity sql.NullString
	if err := scan(append([]any{&e.ID, &message, &e.Truncated, &severity, &at}, more...)...); err != nil {
		return err
	}
	if p.skip != nil && p.skip(e.ID) {
		return nil
	}
	if len(p.events) == p.rows {
		p.more = true
		return errEnough
	}
	e.Severity, e.Time = severity.String, timeOf(at)
	if e.Message = text(message); e.Truncated || len(e.Message) > p.maxMessage {
		e.Message, e.Truncated = cut(e.Message, p.maxMessage), true
	}
	p.size += e.Size()
	if message == nil && e.Truncated {
		p.size += p.maxMessage // complete reads it
	}
	if p.size > p.bytes && len(p.events) > 0 {
		p.more = true
		return errEnough
	}
	p.events = append(p.events, *e)
	return nil
}

// text is a value that SQLite may hold in a column of text.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []byte:
		return string(v)
	default:
		return fmt.Sprint(v)
	}
}

// cut is at most the first n bytes of s, less a character that begins there
// and does not end.
func cut(s string, n int) string {
	s = s[:min(n, len(s))]
	for i := len(s) - 1; i >= 0 && i >= len(s)-utf8.UTFMax; i-- {
		if utf8.RuneStart(s[i]) {
			if !utf8.FullRuneInString(s[i:]) {
				return s[:i]
			}
			break
		}
	}
	return s
}
