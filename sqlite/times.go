package sqlite

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Forms in which programs write a date with a time. Those without a zone are UTC,
// as SQLite has it; fractions are taken by all. Dates by numbers alone are of those
// forms only of which it is certain which number is which.
var (
	dated = []string{ // as they are after sameForm
		"2006-01-02 15:04:05",
		"2006-01-02 15:04:05Z07:00",
		"2006-01-02 15:04:05Z0700",
		"2006-01-02 15:04:05Z07",
		"2006-01-02 15:04:05 Z07:00",
		"2006-01-02 15:04:05 -0700",
		"2006-01-02 15:04:05 -0700 MST", // Go's own
		"2006-01-02 15:04:05 MST",
		"2006-01-02 15:04",
		"2006-01-02 15:04Z07:00",
		"2006-01-02 3:04:05 PM",
		"2006-01-02",
	}
	compact = []string{"20060102T150405", "20060102T150405Z0700", "20060102T150405Z07:00", "20060102T1504Z0700", "20060102150405", "20060102"}
	worded  = []string{
		"Mon, 2 Jan 2006 15:04:05 -0700", // mail, HTTP
		"Mon, 2 Jan 2006 15:04:05 MST",
		"2 Jan 2006 15:04:05 -0700",
		"2 Jan 2006 15:04:05 MST",
		"2 Jan 2006 15:04:05",
		"Mon Jan _2 15:04:05 2006", // C
		"Mon Jan _2 15:04:05 MST 2006",
		"Mon Jan _2 15:04:05 -0700 2006",
		"Mon Jan _2 2006 15:04:05 GMT-0700", // JavaScript
		"Monday, 2-Jan-06 15:04:05 MST",
		"Monday, 2-Jan-2006 15:04:05 MST",
		"Mon, 2-Jan-2006 15:04:05 MST",
		"2-Jan-2006 15:04:05",
		"2/Jan/2006:15:04:05 -0700", // web servers
		"Jan 2, 2006 3:04:05 PM",
		"Jan 2, 2006 15:04:05",
		"Jan 2 2006 15:04:05",
		"2.1.2006 15:04:05",
		"1/2/2006 3:04:05 PM",
	}
)

// ahead is how many hours a zone is ahead of UTC, of those whose names are the same
// everywhere. Others have several meanings.
func ahead(zone string) (hours int, known bool) {
	switch zone {
	case "UTC", "GMT", "UT", "Z", "WET":
		return 0, true
	case "CET", "WEST":
		return 1, true
	case "CEST", "EET":
		return 2, true
	case "EEST":
		return 3, true
	case "EDT":
		return -4, true
	case "EST", "CDT":
		return -5, true
	case "CST", "MDT":
		return -6, true
	case "MST", "PDT":
		return -7, true
	case "PST":
		return -8, true
	default:
		return 0, false
	}
}

// Days since noon in Greenwich on January 1, 4713 BC, as SQLite's julianday gives
// them: those that are years 763 to 3501.
const (
	firstJulian, lastJulian = 2_000_000, 3_000_000
	julianEpoch             = 2_440_587.5 // January 1, 1970
	day                     = 24 * 60 * 60 * 1000
)

// timeOf is a value of the time column as an event has it: seconds and milliseconds
// pass through, everything else becomes milliseconds, and what is no time is 0.
func timeOf(v any) int64 {
	switch v := v.(type) {
	case int64:
		return joblog.AsTime(v)
	case float64:
		if v >= firstJulian && v < lastJulian {
			return millisOf(time.UnixMilli(int64(math.Round((v - julianEpoch) * day))).UTC())
		}
		return joblog.AsTimeFraction(v)
	case string:
		return parseTime(v)
	case []byte:
		return parseTime(string(v))
	default:
		return 0
	}
}

func parseTime(s string) int64 {
	s = strings.TrimSpace(s)
	for _, aside := range []string{" m=", "[", " ("} { // Go's monotonic clock, and zones in words
		s, _, _ = strings.Cut(s, aside)
	}
	s = strings.TrimSpace(s)
	forms := worded
	switch digits := len(s) - len(strings.TrimLeft(s, "0123456789")); {
	case strings.Trim(s, "-0123456789.") == "" && digits != 8 && digits != 14 && strings.Count(s, "-") <= strings.Count(s[:min(1, len(s))], "-"):
		return number(s)
	case digits >= 8:
		forms = compact
	case digits == 4:
		s, forms = sameForm(s), dated
	}
	for _, form := range forms {
		if t, err := time.ParseInLocation(form, s, time.UTC); err == nil {
			return millisOf(t)
		}
	}
	return number(s)
}

// number is a time that is a number as a text.
func number(s string) int64 {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return timeOf(n)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil && strings.Trim(s, "-0123456789.") == "" {
		return timeOf(f)
	}
	return 0
}

// sameForm has the same between the numbers of a date that begins with the year.
func sameForm(s string) string {
	b := []byte(s)
	for i, c := range b {
		switch {
		case (i == 4 || i == 7) && (c == '/' || c == '.' || c == ':'):
			b[i] = '-'
		case i == 10 && (c == 'T' || c == 't' || c == '_'):
			b[i] = ' '
		case i == len(b)-1 && c == 'z':
			b[i] = 'Z'
		}
	}
	return string(b)
}

// millisOf is a time that was read, in milliseconds; 0 if its zone is not known, or
// it is none of an event.
func millisOf(t time.Time) int64 {
	if name, offset := t.Zone(); offset == 0 && name != "" {
		hours, known := ahead(name)
		if !known {
			return 0
		}
		t = t.Add(-time.Duration(hours) * time.Hour)
	}
	if ms := t.UnixMilli(); joblog.Millis(ms) == ms {
		return joblog.AsTime(ms)
	}
	return joblog.AsTime(t.Unix()) // too near to 1970 to be known as milliseconds
}

// clock writes times as a table has them.
type clock func(millis int64) any

// clockLike is the clock of a table of the application's whose newest row has
// the time newest and whose column was declared to be kind, in upper case.
func clockLike(newest any, kind string) clock {
	switch v := newest.(type) {
	case int64:
		return like(v)
	case float64:
		switch at := like(int64(min(max(v, -math.MaxInt64/2), math.MaxInt64/2))); {
		case v >= firstJulian && v < lastJulian:
			return func(ms int64) any { return float64(ms)/day + julianEpoch }
		case joblog.Millis(int64(v)) == int64(v)*1000 && v != 0:
			return func(ms int64) any { return float64(ms) / 1000 }
		default:
			return at
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

// like writes times in the unit of a number.
func like(n int64) clock {
	switch ms := joblog.Millis(n); {
	case n == 0 || ms == n:
		return millis
	case ms == n*1000:
		return func(ms int64) any { return ms / 1000 }
	case ms == n/1000:
		return func(ms int64) any { return ms * 1000 }
	default:
		return func(ms int64) any { return ms * 1_000_000 }
	}
}

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
