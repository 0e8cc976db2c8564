package load

import (
	"bytes"
	"fmt"
	"strconv"
	"time"
)

// scanner finds the events in the body of one response.
type scanner struct {
	order
	part  []byte // of a line whose end has not come yet
	begun bool   // something has come
	ended bool   // the job has completed
	event message
	said  string        // the event "bye" or "error", if it came
	retry time.Duration // what to wait before coming again
	last  []byte        // the id of the last event that came whole
}

// message is what has come of an event. It counts with the blank line after
// it: a browser passes over one that was cut before, and does not have its id.
type message struct {
	id     []byte
	number int64 // 0 if there is none
}

// appendMessage appends the message of an event: when it was published, its
// number, and some text.
func appendMessage(b []byte, now, number int64) []byte {
	b = append(b, "t="...)
	b = strconv.AppendInt(b, now, 10)
	b = append(b, " n="...)
	b = strconv.AppendInt(b, number, 10)
	return append(b, " compiling a package"...)
}

// scan takes the next bytes of the body, which were read at time now.
func (s *scanner) scan(b []byte, now int64, t *Tally) error {
	s.begun = s.begun || len(b) > 0
	for {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			s.part = append(s.part, b...)
			return nil
		}
		line := b[:i]
		b = b[i+1:]
		if len(s.part) > 0 {
			s.part = append(s.part, line...)
			line = s.part
		}
		if err := s.line(line, now, t); err != nil {
			return err
		}
		s.part = s.part[:0]
	}
}

func (s *scanner) line(line []byte, now int64, t *Tally) error {
	if len(line) == 0 {
		s.whole(t)
		return nil
	}
	switch line[0] {
	case 'd':
		return s.data(line, now, t)
	case ':':
		t.Beats++
	case 'i':
		s.event.id = append(s.event.id[:0], bytes.TrimPrefix(line, []byte("id: "))...)
	case 'r':
		ms, _ := number(bytes.TrimPrefix(line, []byte("retry: ")))
		s.retry = time.Duration(ms) * time.Millisecond
	case 'e':
		return s.named(string(bytes.TrimPrefix(line, []byte("event: "))))
	}
	return nil
}

// named takes the name of an event, some of which only a stream in trouble has.
func (s *scanner) named(name string) error {
	switch name {
	case "gap":
		return fmt.Errorf("the server says %q", name)
	case "bye", "error":
		s.said = name
	}
	return nil
}

// whole is called when an event has come whole, if there is one.
func (s *scanner) whole(t *Tally) {
	if s.event.number > 0 {
		s.see(s.event.number, t)
		s.event.number = 0
	}
	if len(s.event.id) > 0 {
		s.last, s.event.id = s.event.id, s.last[:0]
	}
}

// anew forgets what has come of a response, but for what it leads to.
func (s *scanner) anew() {
	s.part, s.event.number, s.event.id = s.part[:0], 0, s.event.id[:0]
	s.begun, s.said = false, ""
}

func (s *scanner) data(line []byte, now int64, t *Tally) error {
	const mark = `"t=`
	at := bytes.Index(line, []byte(mark))
	if at < 0 {
		if !bytes.Contains(line, []byte(`"type":"complete"`)) {
			t.Beats++
		} else if !s.ended {
			s.ended = true
			t.Ends++
		}
		return nil
	}
	sent, rest := number(line[at+len(mark):])
	n, ok := bytes.CutPrefix(rest, []byte(" n="))
	if !ok {
		return fmt.Errorf("an event says %.200s", line)
	}
	t.Latency.add(now - sent)
	s.event.number, _ = number(n)
	return nil
}

// number reads the digits at the start of b.
func number(b []byte) (n int64, rest []byte) {
	i := 0
	for ; i < len(b) && b[i]-'0' < 10; i++ {
		n = n*10 + int64(b[i]-'0')
	}
	return n, b[i:]
}
