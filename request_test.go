package caddyjobs

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// sentenceOf fails the test unless a text is one line, short, and nothing that
// a terminal or a log would take for more.
func sentenceOf(t *testing.T, text string) {
	t.Helper()
	const longest = 600 // bytes
	if text == "" || len(text) > longest || !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		t.Fatalf("%q is no sentence", text)
	}
}

// TestQuality weighs what a client accepts.
func TestQuality(t *testing.T) {
	for accept, want := range map[string]joblog.Format{
		"text/plain;q=0.5, application/x-ndjson":      joblog.NDJSON,
		"text/plain;Q=0.5, application/x-ndjson;q=.4": joblog.Text,
		"TEXT/PLAIN ; charset=utf-8 ; q=0.2":          joblog.Text,
		"*/*;Q=0, text/plain;q=0.1":                   joblog.Text,
		"text/plain;q=NaN, text/event-stream;q=0.001": joblog.SSE,
	} {
		q, refused := parseRequest(&http.Request{URL: new(url.URL), Header: http.Header{"Accept": {accept}}})
		if refused != nil || q.opts.Format != want {
			t.Errorf("%s is answered by %v, %v, want %v", accept, q.opts.Format, refused, want)
		}
	}
}

// FuzzParseRequest reads any query and headers: what it takes can be served, and
// what it refuses is the client's to mend, and said in a sentence.
func FuzzParseRequest(f *testing.F) {
	for _, seed := range [][3]string{
		{"", "", ""},
		{"follow=false&tail=10&since=15m&severity=warn&format=text&lastEventId=7~1", "text/plain", "8"},
		{"since=2006-01-02T15:04:05Z", "text/event-stream;q=0.5, */*;q=0.1", "7~0.6"},
		{"since=0000-01-01T00:00:00Z&tail=2147483647", "application/x-ndjson", ""},
		{"since=4611686018427387903", "*/*;q=NaN", "9223372036854775807~0-2"},
		{"tail=-1", "text/plain;q=1e9,text/*;q=-1", "x"},
		{"tail=1&tail=2", "text/html", ""},
		{"a;b", "", ""},
		{"%zz=1", "", ""},
		{"%0a=%0d%1b[31m", "", "1\n2"},
		{"lastEventId=%00", "", ""},
		{"severity=\x1b]0;x\a", ";;,,;q=", "\x1b[2J"},
		{"format=%ff%c2%9b", "\xff", "\xff"},
		{"since=-5m", "", "01"},
		{"since=2540400h10m10.000000000s", "", ""},
		{"follow=" + strings.Repeat("%e2%80%a8", 1000), "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, query, accept, lastEventID string) {
		r := &http.Request{URL: &url.URL{RawQuery: query}, Header: http.Header{}}
		if accept != "" {
			r.Header["Accept"] = strings.Split(accept, "\n")
		}
		r.Header.Set("Last-Event-ID", lastEventID)
		q, refused := parseRequest(r)
		if refused != nil {
			if refused.status != http.StatusBadRequest && refused.status != http.StatusNotAcceptable {
				t.Fatalf("it is refused by %d", refused.status)
			}
			sentenceOf(t, refused.reason)
			return
		}
		o := q.opts
		if o.Tail < -1 || o.Format > joblog.Text || o.Rank < joblog.RankTrace || o.Rank > joblog.RankCritical {
			t.Fatalf("the options are %+v", o)
		}
		if q.resumed && (o.Tail != -1 || q.gap != "") {
			t.Fatalf("it goes on, and begins: %+v", q)
		}
		if back, err := joblog.ParseCursor(o.After.String()); err != nil || back.String() != o.After.String() {
			t.Fatalf("it goes on from %s: %v", o.After, err)
		}
		if q.gap != "" {
			sentenceOf(t, q.gap)
		}
	})
}
