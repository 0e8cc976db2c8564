package joblog

import (
	"regexp"
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
		{SSE.AppendEnd(nil, "completed", Cursor{N: 9}), "id: 9_1vtskr6\n" + `data: {"type":"complete","state":"completed"}` + "\n\n"},
		{SSE.AppendRetry(nil, 2e9), "retry: 2000\n\n"},
		{SSE.AppendComment(nil, ""), ":\n"},
		{SSE.AppendComment(nil, "waiting"), ": waiting\n"},
		{SSE.AppendNotice(nil, Gap, "why", new(Cursor)), "event: gap\nid: 0\ndata: {\"reason\":\"why\"}\n\n"},
		{NDJSON.AppendFrame(nil, &f), `{"log":{"event_id":1,"task_id":"abc123","event_message":"Task queued","severity":"info","event_time":1234567890}}` + "\n"},
		{NDJSON.AppendEnd(nil, "failed", Cursor{}), `{"type":"complete","state":"failed"}` + "\n"},
		{NDJSON.AppendNotice(nil, Bye, "", nil), `{"type":"bye"}` + "\n"},
		{NDJSON.AppendNotice(nil, CaughtUp, "", nil), ""},
		{Text.AppendFrame(nil, &f), "Task queued\n"},
		{Text.AppendEnd(nil, "failed", Cursor{}), "-- job failed\n"},
		{Text.AppendNotice(nil, Gap, "why", nil), "-- gap: why\n"},
	} {
		if string(c.got) != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

var nasty = []string{
	"", "plain", "\r\n\r\ndata: forged\n\n", "\u0085\u2028\u2029", "\x00\x01\x1f\x7f", "\xff\xfe", "\xed\xa0\x80", `"\`, "id: 5\nevent: x",
	"\x1b[31mred\x1b[0m", "\x1b]8;;http://evil\x1b\\link\x1b]8;;\a", "\x1b]52;c;aGk=\a", "\x1bPq\x1b\\", "\u009b31mred", "\x9b31m", "a\rb", "\x1b[2J\x1b[H",
	"\x1b7\x1b8\x1bc\x1b(0lqk\x1b(B", "\x1b[>4;2m\x1b[?25l", "\x1b[38:2::1:2:3mx\x1b[m", "\x1b_apc\x1b\\\x1b^pm\x1b\\\x1bXsos\x1b\\", "\x1bP1$r\x1b[0m\u009c",
	"\u202eevil\u202c \u2067\u05e9\u2069", "\x85\u0085\x8d\x90\x9d", "\x1b[\x1b[31m", "\ufeffdata", ": comment", "data",
	"\x1b", "\x1b[", "\x1b[31", "\x1b[1\nm", "tab\t\u00e9\U0001F600",
}

// sgr is all that a terminal may be told by a log.
var sgr = regexp.MustCompile(`\x1b\[[0-9;:]*m`)

// FuzzText writes any text as plain text: one line, nothing in it that a
// terminal takes for a command but SGR, and what has no such thing unchanged.
// Marks that set the direction of writing stay: they act within a line, and
// right-to-left scripts need them.
func FuzzText(f *testing.F) {
	for _, text := range nasty {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		frame := NewFrame(&Event{ID: 1, Message: text}, Cursor{N: 1})
		for line, start := range map[string]string{
			string(Text.AppendFrame(nil, &frame)):                        "",
			string(Text.AppendEnd(nil, text, Cursor{N: 1})):              "-- job ",
			string(Text.AppendNotice(nil, Gap, "why: "+text, &Cursor{})): "-- gap: why: ",
		} {
			got, whole := strings.CutSuffix(line, "\n")
			got, begun := strings.CutPrefix(got, start)
			if !whole || !begun || !utf8.ValidString(got) {
				t.Fatalf("%q is the line %q", text, line)
			}
			breaks := func(r rune) bool {
				return unicode.IsControl(r) && r != '\t' || r == '\u2028' || r == '\u2029'
			}
			if strings.ContainsFunc(sgr.ReplaceAllString(got, ""), breaks) {
				t.Fatalf("%q is written %q", text, got)
			}
			if utf8.ValidString(text) && !strings.ContainsFunc(text, breaks) && got != text {
				t.Fatalf("%q is written %q", text, got)
			}
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
