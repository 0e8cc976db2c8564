package postgres

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgtype"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// longest is how long ids of jobs and owners are at most, in bytes: longer ones
// are nobody's.
const longest = 1024

// fixed is what stands in SQL for what all statements have in common. Messages
// that are bytes come as such: they need not be text.
func (l *layout) fixed() *strings.Replacer {
	msg, begin := "x.{message}::text", "left(msg, {most})"
	if l.bytes {
		msg, begin = "x.{message}", "substr(msg, 1, {most} + 1)" // one more tells where a character ends
	}
	begun := func(most int) string { return strings.Replace(begin, "{most}", fmt.Sprint(most), 1) }
	return strings.NewReplacer(
		"{msg}", msg, "{sev}", "x.{severity}::text", "{ms}", l.clock.millis(), "{written}", l.clock.written(),
		"{cut}", fmt.Sprintf("CASE WHEN octet_length(msg) > %d THEN %s ELSE msg END, coalesce(octet_length(msg) > %[1]d, false)", l.max, begun(l.max)),
		"{size}", fmt.Sprintf("coalesce(least(octet_length(msg), %d), 0) + coalesce(least(octet_length(sev), %d), 0) + 96", l.max, joblog.WordBytes),
		"{whole}", `hashtextextended(concat_ws(' ', job, octet_length(msg), `+begun(500)+`) COLLATE "C", 0)`,
		"{brief}", `hashtextextended(job COLLATE "C", 0)`,
		"{word}", fmt.Sprint(joblog.WordBytes), "{longest}", fmt.Sprint(longest), "{budget}", fmt.Sprint(joblog.PageBytes),
		"{own}", fmt.Sprintf("CASE WHEN octet_length({owner}) <= %d THEN {owner} END", longest))
}

// row is a row as it is scanned.
type row struct {
	ID      int64
	message content
	sev     pgtype.Text
	cut     bool
	time    pgtype.Int8
}

// content is a text, or the bytes of one.
type content string

// ScanBytes takes over a value.
func (c *content) ScanBytes(v []byte) error {
	*c = content(v)
	return nil
}

func scanner() (*row, []any) {
	r := new(row)
	return r, []any{&r.message, &r.cut, &r.sev, &r.time}
}

func (l *layout) event(r *row, job string) joblog.Event {
	e := joblog.Event{ID: r.ID, Job: job, Message: string(r.message), Severity: word(r.sev.String), Truncated: r.cut}
	if r.time.Valid {
		e.Time = l.clock.time(r.time.Int64)
	}
	if r.cut {
		e.Message = trim(e.Message, l.max)
	}
	return e
}

// word is a severity or a state that was cut to so many characters, cut to as
// many bytes.
func word(s string) string { return trim(s, joblog.WordBytes) }

// trim cuts a text to at most so many bytes, between two characters.
func trim(s string, most int) string {
	if len(s) <= most {
		return s
	}
	at := most
	for at > most-utf8.UTFMax && !utf8.RuneStart(s[at]) {
		at--
	}
	if !utf8.RuneStart(s[at]) {
		at = most // these are no characters
	}
	return strings.Clone(s[:at])
}
