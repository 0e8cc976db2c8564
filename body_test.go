package caddyjobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

const jsonType, ndjsonType, textType = "application/json", "application/x-ndjson", "text/plain"

var lineNumber = regexp.MustCompile(`line (\d+): `)

// refusedBody fails the test unless an error says in a sentence what is wrong,
// and on which line of the body.
func refusedBody(t *testing.T, body []byte, err error) {
	t.Helper()
	sentenceOf(t, err.Error())
	if errors.Is(err, errMediaType) {
		return
	}
	if !errors.Is(err, joblog.ErrInvalid) {
		t.Fatalf("%v is neither of a type nor of a body", err)
	}
	found := lineNumber.FindStringSubmatch(err.Error())
	if found == nil {
		t.Fatalf("%q does not say where", err)
	}
	if n, _ := strconv.Atoi(found[1]); n < 1 || n > bytes.Count(body, []byte("\n"))+1 {
		t.Fatalf("%q: there is no line %d", err, n)
	}
}

func parseAs(kind string, body []byte) ([]joblog.Event, error) {
	return parseEvents(http.Header{"Content-Type": {kind}}, body)
}

// bodies are events as clients may write them: an array, and one a line.
func bodies(events []joblog.Event) (array, lines []byte) {
	for i, e := range events {
		const lastSeconds = 100_000_000_000
		if e.Time < lastSeconds {
			e.Time /= 1000 // it was given in seconds
		}
		line, _ := json.Marshal(map[string]any{"event_message": e.Message, "severity": e.Severity, "event_time": e.Time})
		lines = append(append(lines, line...), '\n')
		array = append(append(array, "[,"[min(i, 1)]), line...)
	}
	return append(array, ']'), lines
}

// FuzzParseEvents reads any body. What it takes is the same however it is
// written.
func FuzzParseEvents(f *testing.F) {
	const good = `{"event_message":"m","severity":"info","event_time":1700000000123}`
	for _, seed := range [][2]string{
		{jsonType, good},
		{jsonType, "[" + good + ",\n" + good + "]"},
		{jsonType, "[]"},
		{jsonType, " [ ] x"},
		{jsonType, "null"},
		{jsonType, "[null]"},
		{ndjsonType, good + "\r\n\n" + good},
		{ndjsonType, "[" + good + "]"},
		{ndjsonType, good + good},
		{textType, "a\r\n\nb"},
		{textType, "\n"},
		{"text/plain; charset=utf-16", "a\xff"},
		{"", good},
		{"\x1b[31m; a=\"", good},
		{jsonType, `{"event_message":"\ud800\u0000\u2028","event_time":99999999999}`},
		{jsonType, `{"EVENT_MESSAGE":"m","event_message":null}`},
		{jsonType, `{"event_message":"m","event_time":` + strings.Repeat("9", 1000) + `}`},
		{jsonType, `{"event_message":"m","` + strings.Repeat("\u202e", 1000) + `":1}`},
		{ndjsonType, "\n\n{\"event_message\""},
		{ndjsonType, "\ufeff" + good},
		{jsonType, strings.Repeat("[", 11_000)},
		{jsonType, `{"event_message":"m","event_time":-0}`},
		{jsonType, "[" + good + "," + good},
		{jsonType, `{"a\nb\u001b":1}`},
	} {
		f.Add(seed[0], []byte(seed[1]))
	}
	f.Fuzz(func(t *testing.T, kind string, body []byte) {
		events, err := parseAs(kind, body)
		if err != nil {
			if events != nil {
				t.Fatalf("%d events of a body that is refused", len(events))
			}
			refusedBody(t, body, err)
			return
		}
		if len(events) == 0 {
			t.Fatal("there is no event, and no error")
		}
		for _, e := range events {
			if e.Time < 0 || e.ID != 0 || e.Job != "" || e.Truncated {
				t.Fatalf("the event is %+v", e)
			}
		}
		array, lines := bodies(events)
		for kind, body := range map[string][]byte{jsonType: array, ndjsonType: lines} {
			if again, err := parseAs(kind, body); err != nil || !slices.Equal(again, events) {
				t.Fatalf("%+v as %s is %+v, %v", events, kind, again, err)
			}
		}
	})
}

// FuzzParseState reads any state.
func FuzzParseState(f *testing.F) {
	for _, seed := range []string{`{"state":"running"}`, `{"state":""}`, "null", "{}", `{"state":"a\u0000\ud800"}`, "\xff", "{\n\"state\":\n7}", `{"state":"x"}{}`, "\n\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		s, err := parseState(body)
		if err != nil {
			refusedBody(t, body, err)
			return
		}
		text, err := json.Marshal(map[string]string{"state": s.State})
		if err != nil {
			t.Fatal(err)
		}
		if again, err := parseState(text); err != nil || again != s || s.State == "" {
			t.Fatalf("%+v is read as %+v, %v", s, again, err)
		}
	})
}

// TestManyEvents sends more events than a body may have, each of which takes a
// byte: what they take in memory is a hundred times as much.
func TestManyEvents(t *testing.T) {
	for kind, one := range map[string]string{jsonType: `{"event_message":""},`, ndjsonType: `{"event_message":""}` + "\n", textType: "\n"} {
		body := func(n int) []byte {
			text := strings.Repeat(one, n)
			if kind == jsonType {
				text = "[" + strings.TrimSuffix(text, ",") + "]"
			}
			return []byte(text)
		}
		if events, err := parseAs(kind, body(maxEvents)); err != nil || len(events) != maxEvents {
			t.Errorf("%s: %d events, %v", kind, len(events), err)
		}
		says := fmt.Sprintf("more than %d events", maxEvents)
		if events, err := parseAs(kind, body(maxEvents+1)); !errors.Is(err, joblog.ErrInvalid) || !strings.Contains(err.Error(), says) || events != nil {
			t.Errorf("%s: %d events, %v", kind, len(events), err)
		}
	}
}
