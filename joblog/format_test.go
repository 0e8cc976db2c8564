package joblog

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestGolden holds the two shapes that pages have parsed since the original.
func TestGolden(t *testing.T) {
	e := Event{ID: 1, Job: "abc123", Message: "Task queued", Severity: "info", Time: 1234567890}
	f := NewFrame(&e, Cursor{N: 1})
	bare := NewFrame(&Event{ID: 2, Job: "a", Truncated: true}, Cursor{N: 2, Holes: Ranges{{1, 1}}})
	for _, c := range []struct {
		got  []byte
		want string
	}{
		{SSE.AppendFrame(nil, &f), "id: 1\n" + `data: {"log":{"event_id":1,"task_id":"abc123","event_message":"Task queued","severity":"info","event_time":1234567890}}` + "\n\n"},
		{SSE.AppendFrame(nil, &bare), "id: 2~1\n" + `data: {"log":{"event_id":2,"task_id":"a","event_message":"","severity":null,"event_time":null,"truncated":true}}` + "\n\n"},
		{SSE.AppendEnd(nil, "completed", Cursor{N: 1}, Cursor{N: 1}), `data: {"type":"complete","state":"completed"}` + "\n\n"},
		{SSE.AppendEnd(nil, "completed", Cursor{N: 9}, Cursor{N: 1}), "id: 9\n" + `data: {"type":"complete","state":"completed"}` + "\n\n"},
		{SSE.AppendRetry(nil, 2e9), "retry: 2000\n\n"},
		{SSE.AppendComment(nil, ""), ":\n"},
		{SSE.AppendComment(nil, "waiting"), ": waiting\n"},
		{SSE.AppendNotice(nil, Gap, "why", new(Cursor)), "event: gap\nid: 0\ndata: {\"reason\":\"why\"}\n\n"},
		{NDJSON.AppendFrame(nil, &f), `{"log":{"event_id":1,"task_id":"abc123","event_message":"Task queued","severity":"info","event_time":1234567890}}` + "\n"},
		{NDJSON.AppendEnd(nil, "failed", Cursor{}, Cursor{}), `{"type":"complete","state":"failed"}` + "\n"},
		{NDJSON.AppendNotice(nil, Bye, "", nil), `{"type":"bye"}` + "\n"},
		{NDJSON.AppendNotice(nil, CaughtUp, "", nil), ""},
		{Text.AppendFrame(nil, &f), "Task queued\n"},
		{Text.AppendEnd(nil, "failed", Cursor{}, Cursor{}), "-- job failed\n"},
		{Text.AppendNotice(nil, Gap, "why", nil), "-- gap: why\n"},
	} {
		if string(c.got) != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

// parseSSE is a parser by the standard's letter: the data and ids of the
// message events in b.
func parseSSE(b []byte) (data, ids []string) {
	b = bytes.ReplaceAll(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), []byte("\r"), []byte("\n"))
	var buf, id, event string
	for line := range strings.SplitSeq(string(b), "\n") {
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if buf != "" && event == "" {
				data, ids = append(data, strings.TrimSuffix(buf, "\n")), append(ids, id)
			}
			buf, event = "", ""
		case field == "data":
			buf += value + "\n"
		case field == "event":
			event = value
		case field == "id" && !strings.ContainsRune(value, 0):
			id = value
		}
	}
	return data, ids
}

var nasty = []string{
	"", "plain", "\r\n\r\ndata: forged\n\n", "\u2028\u2029", "\x00\x01\x1f\x7f", "\xff\xfe", "\xed\xa0\x80", `"\`, "id: 5\nevent: x",
	"\x1b[31mred\x1b[0m", "\x1b]8;;http://evil\x1b\\link\x1b]8;;\a", "\x1b]52;c;aGk=\a", "\x1bPq\x1b\\", "\u009b31mred", "\x9b31m", "a\rb", "\x1b[2J\x1b[H",
	"\x1b", "\x1b[", "\x1b[31", "\x1b[1\nm", "tab\t\u00e9\U0001F600",
}

// FuzzFrame writes any event, and reads it with parsers that are not ours.
func FuzzFrame(f *testing.F) {
	for _, text := range nasty {
		f.Add(text, "info", int64(7))
	}
	f.Fuzz(func(t *testing.T, message, severity string, id int64) {
		e := Event{ID: id, Job: message, Message: message, Severity: severity, Time: 1}
		frame := NewFrame(&e, Cursor{N: max(id, 0)})
		data, ids := parseSSE(SSE.AppendFrame(nil, &frame))
		if len(data) != 1 || ids[0] != frame.Cursor.String() {
			t.Fatalf("the frame has %d messages, ids %q", len(data), ids)
		}
		var got struct {
			Log struct {
				ID       int64   `json:"event_id"`
				Job      string  `json:"task_id"`
				Message  string  `json:"event_message"`
				Severity *string `json:"severity"`
			}
		}
		if err := json.Unmarshal([]byte(data[0]), &got); err != nil {
			t.Fatal(err)
		}
		want := string([]rune(message)) // each bad byte is a U+FFFD
		if got.Log.Message != want || got.Log.Job != want || got.Log.ID != id {
			t.Fatalf("%q came as %q", message, got.Log.Message)
		}
		if line := NDJSON.AppendFrame(nil, &frame); string(line) != data[0]+"\n" {
			t.Fatalf("the line of NDJSON is %q", line)
		}
	})
}

// FuzzText writes any message as plain text: one line, no control sequence but
// SGR, and what has no controls unchanged.
func FuzzText(f *testing.F) {
	for _, text := range nasty {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, message string) {
		frame := NewFrame(&Event{ID: 1, Message: message}, Cursor{N: 1})
		line := string(Text.AppendFrame(nil, &frame))
		text, ok := strings.CutSuffix(line, "\n")
		if !ok || strings.ContainsAny(text, "\n\r") || !utf8.ValidString(text) {
			t.Fatalf("%q is the line %q", message, line)
		}
		rest := text
		for {
			before, after, found := strings.Cut(rest, "\x1b")
			if i := strings.IndexFunc(before, func(r rune) bool { return unicode.IsControl(r) && r != '\t' }); i >= 0 {
				t.Fatalf("%q is written %q", message, text)
			}
			if !found {
				break
			}
			i := strings.IndexByte(after, 'm')
			if i < 0 || !isColour("\x1b"+after[:i+1]) {
				t.Fatalf("%q is written %q", message, text)
			}
			rest = after[i+1:]
		}
		if utf8.ValidString(message) && strings.IndexFunc(message, unicode.IsControl) < 0 && text != message {
			t.Fatalf("%q is written %q", message, text)
		}
	})
}

func BenchmarkNewFrame(b *testing.B) {
	e := Event{ID: 1, Job: "abc123", Message: strings.Repeat("a line of a log ", 6), Severity: "info", Time: 1}
	b.ReportAllocs()
	for b.Loop() {
		NewFrame(&e, Cursor{N: 1})
	}
}
