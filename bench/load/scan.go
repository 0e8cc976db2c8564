package load

import (
	"bytes"
	"fmt"
	"strconv"
)

// scanner finds the events in the body of one response.
type scanner struct {
	order
	part  []byte // of a line whose end has not come yet
	begun bool   // something has come
	ended bool   // the job has completed
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
		return nil
	}
	switch line[0] {
	case 'd':
		return s.data(line, now, t)
	case ':':
		t.Beats++
	case 'e':
		// What only a stream in trouble says.
		for _, bad := range []string{"event: error", "event: gap", "event: bye"} {
			if string(line) == bad {
				return fmt.Errorf("the server says %s", line)
			}
		}
	}
	return nil
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
	seen, _ := number(n)
	s.see(seen, t)
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
