package sqlite

import (
	"strconv"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// layouts are the forms in which programs write a date with a time. Those
// without a zone are UTC, as SQLite has it; fractions are taken by all.
var layouts = []string{
	"2006-01-02 15:04:05",
	"2006-01-02 15:04:05Z07:00",
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04:05",
	"2006-01-02 15:04:05 Z07:00",
	"2006-01-02 15:04:05 -0700 MST", // Go's own
	"2006-01-02 15:04:05Z0700",
	"2006-01-02T15:04:05Z0700",
	"2006-01-02 15:04",
	"2006-01-02T15:04",
	"2006-01-02",
}

// timeOf is a value of the time column as an event has it: integers pass
// through, everything else becomes milliseconds, and what is no time is 0.
func timeOf(v any) int64 {
	switch v := v.(type) {
	case int64:
		return v
	case float64: // seconds with a fraction
		if joblog.Millis(int64(v)) == int64(v) {
			return int64(v)
		}
		return int64(v * 1000)
	case string:
		return parseTime(v)
	case []byte:
		return parseTime(string(v))
	default:
		return 0
	}
}

func parseTime(s string) int64 {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " m=") // Go's monotonic clock
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	for _, layout := range layouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UnixMilli()
		}
	}
	return 0
}

// clock writes times as a table has them.
type clock func(millis int64) any

// clockLike is the clock of a table of the application's whose newest row has
// the time newest and whose column was declared to be kind, in upper case.
func clockLike(newest any, kind string) clock {
	switch v := newest.(type) {
	case int64:
		if joblog.Millis(v) != v {
			return func(ms int64) any { return ms / 1000 }
		}
	case float64:
		if joblog.Millis(int64(v)) != int64(v) {
			return func(ms int64) any { return float64(ms) / 1000 }
		}
	case string:
		if _, err := strconv.ParseInt(v, 10, 64); err == nil {
			return clockLike(timeOf(v), kind)
		}
		if strings.Contains(v, "T") {
			return written("2006-01-02T15:04:05.000Z")
		}
		return written("2006-01-02 15:04:05.000")
	case nil:
		if isDate(kind) {
			return written("2006-01-02 15:04:05.000")
		}
	}
	return millis
}

func millis(ms int64) any { return ms }

func written(layout string) clock {
	return func(ms int64) any { return time.UnixMilli(ms).UTC().Format(layout) }
}

// isDate reports whether a column declared as kind is to hold dates as text.
func isDate(kind string) bool {
	for _, word := range []string{"DATE", "TIME", "CHAR", "TEXT", "CLOB"} {
		if strings.Contains(kind, word) {
			return !strings.Contains(kind, "INT")
		}
	}
	return false
}
