package caddyjobs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// errMediaType is wrapped by parseEvents if it cannot tell how to read a body.
var errMediaType = errors.New("the body's type is not known")

// maxEvents is how many events a body may have: in memory each takes a hundred
// bytes, and may be a single one in the body.
const maxEvents = 100_000

// Bounds of what a body has besides messages. A severity is a word, and states
// are told to all viewers, and kept in memory.
const (
	maxSeverity = 64
	maxState    = 256
)

// errTooMany is of bodies with more events than that.
var errTooMany = fmt.Errorf("more than %d events; send fewer at a time", maxEvents)

// eventBody is one event as clients send it.
type eventBody struct {
	Message  *string `json:"event_message"`
	Severity string  `json:"severity"`
	Time     int64   `json:"event_time"`
}

// stateBody is a job's state as clients send it.
type stateBody struct {
	State string `json:"state"`
}

// parseEvents reads the events of a body, of the form that its header says.
// Errors wrap errMediaType, or joblog.ErrInvalid and say where and why.
func parseEvents(header http.Header, body []byte) (events []joblog.Event, err error) {
	if encoding := header.Get("Content-Encoding"); encoding != "" {
		return nil, fmt.Errorf("%w: send it without the Content-Encoding %.40q", errMediaType, encoding)
	}
	if at := invalidUTF8(body); at >= 0 {
		return nil, invalid(body, at, errors.New("the text is not UTF-8"))
	}
	kind, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	switch kind {
	case "application/json":
		events, err = parseJSON(body)
	case "application/x-ndjson", "application/jsonl", "application/ndjson":
		events, err = parseNDJSON(body)
	case "text/plain":
		events, err = parseText(body)
	default:
		return nil, fmt.Errorf("%w: say Content-Type: application/json, application/x-ndjson or text/plain, not %.80q",
			errMediaType, header.Get("Content-Type"))
	}
	if err == nil && len(events) == 0 {
		return nil, invalid(body, 0, errors.New("there is no event in the body"))
	}
	return events, err
}

// parseJSON reads one event or an array of them.
func parseJSON(body []byte) ([]joblog.Event, error) {
	if err := json.Unmarshal(body, new(json.RawMessage)); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, invalid(body, int(syntax.Offset), err)
		}
		return nil, invalid(body, 0, err)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if !bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("[")) {
		return parseNext(d, body, nil)
	}
	_, _ = d.Token() // the bracket, which is there
	var events []joblog.Event
	for d.More() {
		var err error
		if events, err = parseNext(d, body, events); err != nil {
			return nil, err
		}
	}
	return events, nil
}

// parseNext appends the decoder's next event.
func parseNext(d *json.Decoder, body []byte, events []joblog.Event) ([]joblog.Event, error) {
	if len(events) == maxEvents {
		return nil, invalid(body, int(d.InputOffset()), errTooMany)
	}
	var e eventBody
	err := d.Decode(&e)
	if err == nil {
		err = e.check()
	}
	if err != nil {
		return nil, invalid(body, int(d.InputOffset()), err)
	}
	return append(events, e.event()), nil
}

// parseNDJSON reads one event a line. Empty lines are passed over.
func parseNDJSON(body []byte) (events []joblog.Event, err error) {
	offset := 0
	for line := range bytes.Lines(body) {
		start := offset
		offset += len(line)
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(events) == maxEvents {
			return nil, invalid(body, start, errTooMany)
		}
		var e eventBody
		if err := decodeOne(line, &e); err != nil {
			return nil, invalid(body, start, err)
		}
		if err := e.check(); err != nil {
			return nil, invalid(body, start, err)
		}
		events = append(events, e.event())
	}
	return events, nil
}

// parseText reads one message a line.
func parseText(body []byte) (events []joblog.Event, err error) {
	offset := 0
	for line := range bytes.Lines(body) {
		if len(events) == maxEvents {
			return nil, invalid(body, offset, errTooMany)
		}
		offset += len(line)
		message := strings.TrimSuffix(strings.TrimSuffix(string(line), "\n"), "\r")
		events = append(events, joblog.Event{Message: message})
	}
	return events, nil
}

// parseState reads a job's state.
func parseState(body []byte) (s stateBody, err error) {
	if at := invalidUTF8(body); at >= 0 {
		return s, invalid(body, at, errors.New("the text is not UTF-8"))
	}
	if err := decodeOne(body, &s); err != nil {
		return s, invalid(body, 0, err)
	}
	if s.State == "" {
		return s, invalid(body, 0, errors.New(`a state is missing; write {"state":"running"}`))
	}
	if len(s.State) > maxState {
		return s, invalid(body, 0, fmt.Errorf("the state has more than %d bytes", maxState))
	}
	return s, nil
}

// decodeOne decodes what must be one JSON value without unknown keys.
func decodeOne(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			return errors.New("the JSON ends too early")
		}
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is more than one JSON value")
	}
	return nil
}

func (e *eventBody) check() error {
	if e.Message == nil {
		return errors.New("event_message is missing")
	}
	if e.Time < 0 {
		return errors.New("event_time is negative; it counts seconds or milliseconds since 1970")
	}
	if len(e.Severity) > maxSeverity {
		return fmt.Errorf("the severity has more than %d bytes", maxSeverity)
	}
	return nil
}

func (e *eventBody) event() joblog.Event {
	return joblog.Event{Message: *e.Message, Severity: e.Severity, Time: joblog.Millis(e.Time)}
}

// invalid says on which line of the body something is wrong. It does not repeat
// all of what it is about, which may be all of the body.
func invalid(body []byte, offset int, err error) error {
	line := 1 + bytes.Count(body[:min(offset, len(body))], []byte("\n"))
	return fmt.Errorf("%w: line %d: %.120s", joblog.ErrInvalid, line, strings.TrimPrefix(err.Error(), "json: "))
}

// invalidUTF8 is the offset of the first byte that is not UTF-8, -1 if all is.
func invalidUTF8(b []byte) int {
	if utf8.Valid(b) {
		return -1
	}
	for at := 0; ; {
		r, size := utf8.DecodeRune(b[at:])
		if r == utf8.RuneError && size <= 1 {
			return at
		}
		at += size
	}
}
