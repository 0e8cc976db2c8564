package sqlite

import (
	"fmt"
	"unicode/utf8"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// page collects events up to its bounds.
type page struct {
	rows, bytes int // bounds, at least one event fits
	maxMessage  int // bytes
	skip        func(e *joblog.Event) bool

	events []joblog.Event
	long   []long // of their texts, those that are yet to be read
	size   int    // bytes
	at     int64  // the last id that was looked at
	more   bool   // a bound ended it

	row
}

// row is where the next row is scanned.
type row struct {
	next                    joblog.Event
	message, severity, time any
	to                      []any
}

// add scans a row of a job, the columns after the event's into more, and takes it.
func (p *page) add(scan scanner, job string, more ...any) error {
	e := &p.next
	*e = joblog.Event{Job: job}
	p.to = append(p.to[:0], &e.ID, &p.message, &p.severity, &p.time)
	if err := scan(append(p.to, more...)...); err != nil {
		return err
	}
	messageLeft := begun(p.message, p.maxMessage, &e.Message)
	severityLeft := begun(p.severity, joblog.WordBytes, &e.Severity)
	e.Truncated = messageLeft > 0 || len(e.Message) < len(text(p.message))
	e.Time = timeOf(p.time)
	n := len(p.events)
	if err := p.take(e, messageLeft+severityLeft); err != nil || len(p.events) == n {
		return err
	}
	if messageLeft > 0 {
		p.long = append(p.long, long{n, false})
	}
	if severityLeft > 0 {
		p.long = append(p.long, long{n, true})
	}
	return nil
}

// begun sets a text to the first bytes of a value, n at most, of which so many are
// left to be read. Of a long one there is the length instead.
func begun(value any, n int, to *string) (left int) {
	if length, ok := value.(int64); ok {
		return int(min(length, int64(n)))
	}
	*to = cut(text(value), n)
	return 0
}

// take adds an event, of which so many bytes are yet to be read, unless skip
// passes it over, or returns errEnough if it does not fit.
func (p *page) take(e *joblog.Event, coming int) error {
	if p.skip != nil && p.skip(e) {
		p.at = e.ID
		return nil
	}
	if n := len(p.events); n > 0 && p.events[n-1].ID == e.ID {
		return misfit("two rows have the id %d: ids of events must be unique by themselves, across all jobs", e.ID)
	}
	size := p.size + e.Size() + coming
	if len(p.events) == p.rows || size > p.bytes && len(p.events) > 0 {
		p.more = true
		return errEnough
	}
	p.size, p.at = size, e.ID
	p.events = append(p.events, *e)
	return nil
}

// passed is the last id that was looked at, if that is not an event's.
func (p *page) passed() int64 {
	if n := len(p.events); !p.more || n > 0 && p.events[n-1].ID == p.at {
		return 0
	}
	return p.at
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
	if len(s) <= n {
		return s
	}
	return whole(s[:n])
}

// whole is s less a character at its end that does not end.
func whole(s string) string {
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
