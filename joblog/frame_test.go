package joblog

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http/httputil"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/launchdarkly/eventsource"
	"github.com/tmaxmax/go-sse"
)

// heard is an event as a client has it: what its page gets, and what it sends
// when it comes again.
type heard struct{ id, event, data string }

// byLetter is a parser by the standard's letter.
func byLetter(r io.Reader) (all []heard) {
	text, _ := io.ReadAll(r) // a stream that is cut ends so
	lines := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(text))
	var now heard
	for line := range strings.Lines(strings.TrimPrefix(lines, "\ufeff")) {
		line, whole := strings.CutSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case !whole:
		case line == "":
			if now.data != "" {
				all = append(all, heard{now.id, now.event, strings.TrimSuffix(now.data, "\n")})
			}
			now.event, now.data = "", ""
		case field == "data":
			now.data += value + "\n"
		case field == "event":
			now.event = value
		case field == "id" && !strings.ContainsRune(value, 0):
			now.id = value
		}
	}
	return all
}

func byGoSSE(r io.Reader) (all []heard) {
	for e, err := range sse.Read(r, &sse.ReadConfig{MaxEventSize: 64 << 20}) {
		if err != nil {
			return all
		}
		all = append(all, heard{e.LastEventID, e.Type, e.Data})
	}
	return all
}

func byEventSource(r io.Reader) (all []heard) {
	for d := eventsource.NewDecoder(r); ; {
		e, err := d.Decode()
		if err != nil {
			return all
		}
		if e.Data() != "" { // it tells of a retry, too
			all = append(all, heard{e.(eventsource.EventWithLastID).LastEventID(), e.Event(), e.Data()})
		}
	}
}

var parsers = map[string]func(io.Reader) []heard{"the letter": byLetter, "go-sse": byGoSSE, "eventsource": byEventSource}

// script is a stream that is written, and what is to be heard of it.
type script struct {
	stream, chunked, lines []byte
	want                   []heard
	values                 []any // of the events' data
	id                     string
}

// write writes one thing, in all forms.
func (s *script) write(part []byte) {
	s.stream = append(s.stream, part...)
	s.chunked = append(s.chunked, Chunk(append(make([]byte, ChunkRoom), part...))...)
}

// expect says what is to be heard of what is written next.
func (s *script) expect(id, event string, value any) {
	if id != "" {
		s.id = id
	}
	s.want, s.values = append(s.want, heard{id: s.id, event: event}), append(s.values, value)
}

// object is JSON of some keys.
type object map[string]any

// event writes a row.
func (s *script) event(e *Event, c Cursor) {
	text := func(s string) string { return string([]rune(s)) } // each bad byte is a U+FFFD
	log := object{"event_id": float64(e.ID), "task_id": text(e.Job), "event_message": text(e.Message), "severity": nil, "event_time": float64(e.Time)}
	if e.Severity != "" {
		log["severity"] = text(e.Severity)
	}
	if e.Truncated {
		log["truncated"] = true
	}
	f := NewFrame(e, c)
	s.expect(c.String(), "", object{"log": log})
	s.write(SSE.AppendFrame(nil, &f))
	s.lines = NDJSON.AppendFrame(s.lines, &f)
}

// play writes what the bytes of a plot stand for.
func (s *script) play(plot string, e Event, state, reason string) {
	bad := string([]rune(reason))
	for i := range len(plot) {
		c := Cursor{N: int64(i + 2)}
		if plot[i]&8 > 0 {
			c.Holes = Ranges{{1, int64(i + 1)}}
		}
		why := object{}
		if reason != "" {
			why["reason"] = bad
		}
		switch plot[i] & 7 {
		case 0:
			s.write(SSE.AppendRetry(nil, time.Duration(plot[i])*time.Millisecond))
		case 1:
			s.write(SSE.AppendComment(nil, ""))
		case 2:
			s.write(SSE.AppendComment(nil, "waiting"))
		case 3:
			s.expect("", Failed, why)
			s.write(SSE.AppendNotice(nil, Failed, reason, nil))
		case 4:
			s.expect(c.String(), Gap, why)
			s.write(SSE.AppendNotice(nil, Gap, reason, &c))
		case 5:
			id := string(MarkOf(state).Append(c.Append(nil)))
			s.expect(id, "", object{"type": "complete", "state": string([]rune(state))})
			s.write(SSE.AppendEnd(nil, state, c))
		default:
			e.ID, e.Truncated = c.N, plot[i]&16 > 0
			s.event(&e, c)
		}
	}
}

// check compares what was heard with what was to be.
func (s *script) check(t *testing.T, name string, got []heard) {
	t.Helper()
	if len(got) != len(s.want) {
		t.Fatalf("%s: %d events of %d: %q of %q", name, len(got), len(s.want), got, s.stream)
	}
	for i, h := range got {
		var value, want any
		if err := json.Unmarshal([]byte(h.data), &value); err != nil {
			t.Fatalf("%s: %q: %v", name, h.data, err)
		}
		text, err := json.Marshal(s.values[i])
		if err == nil {
			err = json.Unmarshal(text, &want)
		}
		back, _ := json.Marshal(value)
		if err != nil || !bytes.Equal(back, text) || h.id != s.want[i].id || h.event != s.want[i].event {
			t.Fatalf("%s: event %d is %q, want %q of %s", name, i, h, s.want[i], text)
		}
		if strings.ContainsAny(h.data, "\x00\r\n\u0085\u2028\u2029") {
			t.Fatalf("%s: %q is not one line for all", name, h.data)
		}
	}
}

// FuzzFrame writes streams of anything that there is to say, about any texts,
// and reads them with parsers that are not ours: all hear the same, and what it
// was. Of a stream that is cut they hear the beginning, and no more.
func FuzzFrame(f *testing.F) {
	for i, text := range nasty {
		f.Add("\x00\x06\x01\x0e\x04\x02\x16\x05", text, "info", "job", "done", "why", uint(i*7))
		f.Add("\x07\x03\x0c\x00\x15", "message", text, text, text, text, uint(i*11))
	}
	f.Fuzz(func(t *testing.T, plot, message, severity, job, state, reason string, cut uint) {
		s := new(script)
		s.play(plot[:min(len(plot), 64)], Event{Job: job, Message: message, Severity: severity, Time: 1}, state, reason)
		whole := byLetter(bytes.NewReader(s.stream))
		s.check(t, "the letter", whole)
		shorter := s.stream[:cut%uint(len(s.stream)+1)]
		fewer := byLetter(bytes.NewReader(shorter))
		if len(fewer) > len(whole) || !slices.Equal(fewer, whole[:len(fewer)]) {
			t.Fatalf("cut after %d bytes: %q, of %q", len(shorter), fewer, whole)
		}
		chunks := s.chunked[:cut%uint(len(s.chunked)+1)]
		left, err := io.ReadAll(httputil.NewChunkedReader(bytes.NewReader(chunks)))
		if !bytes.HasPrefix(s.stream, left) || !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("of chunks %q, %v is left of %q", left, err, s.stream)
		}
		rest := byLetter(bytes.NewReader(left))
		for name, parse := range parsers {
			for _, c := range []struct {
				how  string
				from io.Reader
				want []heard
			}{
				{"whole", bytes.NewReader(s.stream), whole},
				{"in chunks", httputil.NewChunkedReader(io.MultiReader(bytes.NewReader(s.chunked), strings.NewReader("0\r\n\r\n"))), whole},
				{"cut", bytes.NewReader(shorter), fewer},
				{"in chunks, cut", httputil.NewChunkedReader(bytes.NewReader(chunks)), rest},
			} {
				if got := parse(c.from); !slices.Equal(got, c.want) {
					t.Fatalf("%s, %s: %q, want %q", name, c.how, got, c.want)
				}
			}
		}
		for i, line := range slices.Collect(bytes.Lines(s.lines)) {
			if !json.Valid(line) || !bytes.Contains(s.stream, append([]byte("data: "), line...)) {
				t.Fatalf("line %d of NDJSON is %q", i, line)
			}
		}
	})
}
