package joblog

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// Frame is one event, encoded once and shared by all who send it.
type Frame struct {
	// ID is the event's id.
	ID int64
	// Rank is what the severity filter goes by.
	Rank Rank
	// Millis is the event's time in milliseconds since 1970.
	Millis int64
	// Cursor is what a viewer has who was sent everything up to this frame.
	Cursor Cursor

	sse   []byte        // the whole SSE frame
	json  int           // where in it the JSON begins; it ends two line feeds before the end
	holes int           // of cursors, that are in memory for this frame
	since time.Duration // when it may have become visible, at the earliest, after its emitter was made
}

// NewFrame encodes an event. After it, a viewer has what c covers.
func NewFrame(e *Event, c Cursor) Frame {
	return newFrame(e.room(appendID(nil, c, 0)), e, c)
}

// room is a buffer for the event's frame, which begins with its id.
func (e *Event) room(id []byte) []byte {
	const around = 140 // names, numbers and punctuation
	return append(make([]byte, 0, around+len(id)+len(e.Job)+len(e.Message)+len(e.Message)/16+len(e.Severity)), id...)
}

// newFrame encodes an event into b, where its id is, if it has one.
func newFrame(b []byte, e *Event, c Cursor) Frame {
	b = append(b, dataField...)
	start := len(b)
	b = appendLog(b, e)
	b = append(b, "\n\n"...)
	return Frame{ID: e.ID, Rank: rankOf(e.Severity), Millis: e.Millis(), Cursor: c, sse: b, json: start}
}

// at is the frame with the id that is given instead of its own, if one is.
func (f *Frame) at(id []byte) *Frame {
	g := *f
	g.sse = append(id, f.sse[f.json-len(dataField):]...)
	g.json = len(g.sse) - (len(f.sse) - f.json)
	return &g
}

// dataField is what is before the JSON.
const dataField = "data: "

// named reports whether the frame has an id.
func (f *Frame) named() bool { return f.json > len(dataField) }

// SSE is the event as a Server-Sent Events frame. It must not be changed.
func (f *Frame) SSE() []byte { return f.sse }

// JSON is the event as one line of JSON, without a line feed. It must not be
// changed.
func (f *Frame) JSON() []byte { return f.sse[f.json : len(f.sse)-2] }

// size is what the frame occupies in memory, in bytes.
func (f *Frame) size() int {
	const overhead = 104
	return overhead + cap(f.sse) + 16*f.holes
}

func appendID(b []byte, c Cursor, m Mark) []byte {
	b = append(b, "id: "...)
	start := len(b)
	if b = c.Append(b); len(b)-start > maxSentCursor {
		b = c.short().Append(b[:start])
	}
	return append(m.Append(b), '\n')
}

// appendLog writes the object that pages have parsed since the first version:
// its keys and their order are a contract.
func appendLog(b []byte, e *Event) []byte {
	b = append(b, `{"log":{"event_id":`...)
	b = strconv.AppendInt(b, e.ID, 10)
	b = append(b, `,"task_id":`...)
	b = appendString(b, e.Job)
	b = append(b, `,"event_message":`...)
	b = appendString(b, e.Message)
	b = append(b, `,"severity":`...)
	if e.Severity == "" {
		b = append(b, "null"...)
	} else {
		b = appendString(b, e.Severity)
	}
	b = append(b, `,"event_time":`...)
	if e.Time == 0 {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, e.Time, 10)
	}
	if e.Truncated {
		b = append(b, `,"truncated":true`...)
	}
	if e.Unreadable {
		b = append(b, `,"unreadable":true`...)
	}
	return append(b, "}}"...)
}

// appendString writes s as JavaScript's JSON.stringify does, and escapes
// U+0085, U+2028 and U+2029 as well: no reader may take them for the end of a
// line. Invalid UTF-8 becomes U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c < utf8.RuneSelf {
			i++
			continue
		}
		size := 1
		if c >= utf8.RuneSelf {
			var r rune
			r, size = utf8.DecodeRuneInString(s[i:])
			if (r != utf8.RuneError || size > 1) && r != '\u2028' && r != '\u2029' && r != '\u0085' {
				i += size
				continue
			}
		}
		b = append(b, s[start:i]...)
		b = appendEscape(b, s[i:i+size])
		i += size
		start = i
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendEscape writes one character that cannot stand in a JSON string as it is.
func appendEscape(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	switch c := s[0]; {
	case s == "\u0085":
		return append(b, `\u0085`...)
	case s == "\u2028":
		return append(b, `\u2028`...)
	case s == "\u2029":
		return append(b, `\u2029`...)
	case c >= utf8.RuneSelf:
		return append(b, "\uFFFD"...)
	case c == '"', c == '\\':
		return append(b, '\\', c)
	case c == '\b':
		return append(b, `\b`...)
	case c == '\f':
		return append(b, `\f`...)
	case c == '\n':
		return append(b, `\n`...)
	case c == '\r':
		return append(b, `\r`...)
	case c == '\t':
		return append(b, `\t`...)
	default:
		return append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
	}
}
