package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
)

// decoder finds the body in what a server sends.
type decoder interface {
	// request is what asks for a path, after an event if its id is not empty.
	request(host, path, after string) []byte
	// decode takes the next bytes, and passes those of the body on. It returns
	// io.EOF if the response has ended, and errNothing if there is none, as all
	// was seen. What it has to answer it writes to w.
	decode(b []byte, w io.Writer, body func([]byte) error) error
}

// errNothing is what a server says to who has seen all of a job that has
// completed.
var errNothing = errors.New("there is nothing more to come")

// maxHead bounds the head of a response, in bytes.
const maxHead = 64 << 10

// http1 decodes a response of HTTP/1.1.
type http1 struct {
	part  []byte // of the head, or of a line between chunks
	state state1
	left  int64 // of the chunk, or of a body that has a length
}

type state1 uint8

const (
	inHead   state1 = iota
	inBody          // which ends with the connection
	inLength        // a body that has a length
	inSize
	inChunk
	inBreak // after a chunk
)

func (d *http1) request(host, path, after string) []byte {
	b := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: text/event-stream\r\n", path, host)
	if after != "" {
		b = fmt.Appendf(b, "Last-Event-ID: %s\r\n", after)
	}
	return append(b, "\r\n"...)
}

func (d *http1) decode(b []byte, _ io.Writer, body func([]byte) error) (err error) {
	for len(b) > 0 && err == nil {
		switch d.state {
		case inHead:
			b, err = d.head(b)
		case inBody:
			return body(b)
		case inChunk, inLength:
			n := min(d.left, int64(len(b)))
			err = body(b[:n])
			b = b[n:]
			if d.left -= n; d.left == 0 && d.state == inChunk {
				d.state = inBreak
			} else if d.left == 0 && err == nil {
				return io.EOF
			}
		default:
			b, err = d.line(b)
		}
	}
	return err
}

func (d *http1) head(b []byte) ([]byte, error) {
	old := len(d.part)
	d.part = append(d.part, b...)
	at := bytes.Index(d.part, []byte("\r\n\r\n"))
	if at < 0 {
		if len(d.part) > maxHead {
			return nil, errors.New("the head of the response does not end")
		}
		return nil, nil
	}
	head := strings.ToLower(string(d.part[:at+2]))
	if strings.HasPrefix(head, "http/1.1 204 ") {
		return nil, errNothing
	}
	if !strings.HasPrefix(head, "http/1.1 200 ") {
		return nil, fmt.Errorf("the server answers %q", d.part)
	}
	d.state, d.part = inBody, nil
	if strings.Contains(head, "\r\ntransfer-encoding: chunked\r\n") {
		d.state = inSize
	} else if _, rest, ok := strings.Cut(head, "\r\ncontent-length: "); ok {
		d.state = inLength
		d.left, _ = number([]byte(rest))
	}
	return b[at+4-old:], nil
}

// line takes the size of a chunk, or the line break after one.
func (d *http1) line(b []byte) ([]byte, error) {
	i := bytes.IndexByte(b, '\n')
	if i < 0 {
		d.part = append(d.part, b...)
		if len(d.part) > maxHead {
			return nil, errors.New("the size of a chunk does not end")
		}
		return nil, nil
	}
	line := b[:i]
	if len(d.part) > 0 {
		d.part = append(d.part, line...)
		line, d.part = d.part, nil
	}
	if d.state == inBreak {
		d.state = inSize
		if string(line) != "\r" {
			return nil, fmt.Errorf("after a chunk comes %q", line)
		}
		return b[i+1:], nil
	}
	d.state = inChunk
	var err error
	if d.left, err = hexadecimal(bytes.TrimSuffix(line, []byte("\r"))); err == nil && d.left == 0 {
		err = io.EOF
	}
	return b[i+1:], err
}

func hexadecimal(b []byte) (n int64, err error) {
	for _, c := range b {
		switch {
		case c-'0' < 10:
			n = n<<4 + int64(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n = n<<4 + int64(c|0x20-'a') + 10
		default:
			return 0, fmt.Errorf("%q is no size of a chunk", b)
		}
	}
	if len(b) == 0 || len(b) > 15 {
		return 0, fmt.Errorf("%q is no size of a chunk", b)
	}
	return n, nil
}
