package joblog

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Format is how a log is written to a client.
type Format uint8

// The formats. SSE is the default.
const (
	SSE Format = iota
	NDJSON
	Text
)

// ContentType is the media type of the format.
func (f Format) ContentType() string {
	return [...]string{"text/event-stream", "application/x-ndjson", "text/plain; charset=utf-8"}[f]
}

// AppendFrame appends an event.
func (f Format) AppendFrame(b []byte, fr *Frame) []byte {
	switch f {
	case NDJSON:
		return append(append(b, fr.JSON()...), '\n')
	case Text:
		return append(appendPlain(b, message(fr.JSON())), '\n')
	default:
		return append(b, fr.sse...)
	}
}

// AppendRetry appends how long a client is to wait before it reconnects.
func (f Format) AppendRetry(b []byte, wait time.Duration) []byte {
	if f != SSE {
		return b
	}
	b = append(b, "retry: "...)
	return append(strconv.AppendInt(b, wait.Milliseconds(), 10), "\n\n"...)
}

// AppendEnd appends the terminal event. Its id says that the client has c, and
// that it was told this end.
func (f Format) AppendEnd(b []byte, state string, c Cursor) []byte {
	if f == Text {
		b = append(b, "-- job "...)
		return append(appendPlain(b, state), '\n')
	}
	if f == SSE {
		b = append(appendID(b, c, MarkOf(state)), "data: "...)
	}
	b = append(b, `{"type":"complete","state":`...)
	b = append(appendString(b, state), "}\n"...)
	if f == SSE {
		b = append(b, '\n')
	}
	return b
}

// AppendPosition appends an id alone: the client has c, and was told an end if m is
// not 0. No page sees an event.
func (f Format) AppendPosition(b []byte, c Cursor, m Mark) []byte {
	if f != SSE {
		return b
	}
	return append(appendID(b, c, m), '\n')
}

// AppendState appends the named event state: where the job is.
func (f Format) AppendState(b []byte, state string) []byte {
	switch f {
	case SSE:
		b = append(b, "event: state\ndata: {\"state\":"...)
		return append(appendString(b, state), "}\n\n"...)
	case NDJSON:
		b = append(b, `{"type":"state","state":`...)
		return append(appendString(b, state), "}\n"...)
	default:
		return b // of no use to who reads lines
	}
}

// AppendNotice appends a named event, which pages written for the original
// never see: what is caught_up, gap, bye or error. A reason may be empty.
func (f Format) AppendNotice(b []byte, what, reason string, c *Cursor) []byte {
	if f != SSE {
		return f.appendPlainNotice(b, what, reason)
	}
	b = append(b, "event: "...)
	b = append(append(b, what...), '\n')
	if c != nil {
		b = appendID(b, *c, 0)
	}
	b = append(b, "data: "...)
	return append(appendReason(b, "", reason), "\n\n"...)
}

func (f Format) appendPlainNotice(b []byte, what, reason string) []byte {
	switch {
	case what == CaughtUp:
		return b // of no use to who reads lines
	case f == NDJSON:
		return append(appendReason(b, what, reason), '\n')
	default:
		b = append(append(b, "-- "...), what...)
		if reason != "" {
			b = appendPlain(append(b, ": "...), reason)
		}
		return append(b, '\n')
	}
}

func appendReason(b []byte, what, reason string) []byte {
	b = append(b, '{')
	if what != "" {
		b = appendString(append(b, `"type":`...), what)
	}
	if what != "" && reason != "" {
		b = append(b, ',')
	}
	if reason != "" {
		b = appendString(append(b, `"reason":`...), reason)
	}
	return append(b, '}')
}

// AppendComment appends a line that clients pass over. It does not end a
// frame, so that it never wakes the page.
func (f Format) AppendComment(b []byte, text string) []byte {
	if f != SSE {
		return b
	}
	b = append(b, ':')
	if text != "" {
		b = append(append(b, ' '), text...)
	}
	return append(b, '\n')
}

// Names of the notices.
const (
	CaughtUp = "caught_up" // the backlog was sent, the stream is live
	Gap      = "gap"       // the cursor cannot be honoured; the whole log follows
	Bye      = "bye"       // the server is going away; reconnect
	Failed   = "error"     // a temporary refusal; try again later
	// AuthExpired says that the viewer may not watch any longer.
	AuthExpired = "auth_expired"
)

// message is the text of an event from its JSON.
func message(line []byte) string {
	var v struct {
		Log struct {
			Message string `json:"event_message"`
		} `json:"log"`
	}
	if err := json.Unmarshal(line, &v); err != nil {
		panic("joblog: a frame holds bad JSON: " + err.Error()) // appendLog wrote it
	}
	return v.Log.Message
}

// appendPlain writes text as one line that is safe on a terminal: control
// sequences are dropped but for SGR (colour), line breaks become spaces, and
// bytes that are not UTF-8, which may be controls, U+FFFD. Marks of the direction
// of writing stay: they act within the line, and texts need them.
func appendPlain(b []byte, s string) []byte {
	s = strings.ToValidUTF8(strings.TrimRight(s, "\r\n"), "\uFFFD")
	for i := 0; i < len(s); {
		if n := escapeLen(s[i:]); n > 0 {
			if isColour(s[i : i+n]) {
				b = append(b, s[i:i+n]...)
			}
			i += n
			continue
		}
		switch c := s[i]; {
		case c == '\n':
			b = append(b, ' ')
		case strings.HasPrefix(s[i:], "\u2028"), strings.HasPrefix(s[i:], "\u2029"):
			b = append(b, ' ')
			i += len("\u2028") - 1
		case c == '\r' && strings.HasPrefix(s[i+1:], "\n"): // the line feed speaks for both
		case c == '\r':
			b = append(b, ' ')
		case c == '\t' || c >= ' ' && c != 0x7f:
			b = append(b, c)
		}
		i++
	}
	return b
}

// escapeLen is the length of the control sequence that s begins with, 0 if it
// begins with none. An unfinished one reaches to the end.
func escapeLen(s string) int {
	if len(s) >= 2 && s[0] == 0xc2 && s[1] >= 0x80 && s[1] <= 0x9f {
		return 2 + sequenceLen(s[2:], s[1]-0x40) // a C1 control, as UTF-8
	}
	if s[0] != 0x1b {
		return 0
	}
	if len(s) == 1 || s[1] < ' ' || s[1] > '~' {
		return 1 // what follows is none of it
	}
	return 2 + sequenceLen(s[2:], s[1])
}

// sequenceLen is the length of what follows the introducer kind.
func sequenceLen(s string, kind byte) int {
	switch kind {
	case '[': // CSI: parameters and intermediates, then one final byte
		return end(s, func(c byte) bool { return c >= 0x40 || c < ' ' })
	case ']', 'P', 'X', '^', '_': // OSC, DCS, SOS, PM, APC: up to BEL or ST
		if i := strings.IndexAny(s, "\a\x1b\n"); i >= 0 {
			if strings.HasPrefix(s[i:], "\x1b\\") {
				return i + 2
			}
			if s[i] == '\a' {
				return i + 1
			}
			return i
		}
		return len(s)
	case '(', ')', '*', '+', '-', '.', '/', '#', '%', ' ': // one byte more
		if s == "" || s[0] < ' ' || s[0] > '~' {
			return 0
		}
		return 1
	default:
		return 0
	}
}

// end is the length of s up to and including the first byte that is final.
func end(s string, final func(byte) bool) int {
	i := slices.IndexFunc([]byte(s), final)
	switch {
	case i < 0:
		return len(s)
	case s[i] < ' ' || s[i] > '~':
		return i // what cannot be in a sequence breaks it off and stands for itself
	default:
		return i + 1
	}
}

// isColour reports whether an escape sequence is SGR, which only styles text.
func isColour(seq string) bool {
	body, ok := strings.CutPrefix(seq, "\x1b[")
	if !ok || !strings.HasSuffix(body, "m") {
		return false
	}
	return strings.Trim(body[:len(body)-1], "0123456789;:") == ""
}
