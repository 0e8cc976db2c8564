// Package feed is how events reach the servers that are measured: lines on a
// TCP connection, the same for all of them.
//
//	<job> <message>    an event
//	<job> !<state>     the job has ended
//	?                  answered with a number, see Serve
//
// Many lines may come in one write; a server takes all of a read as one batch.
package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
)

// Variable is the environment variable with the address that a server is to
// listen on for its feed.
const Variable = "BENCH_FEED"

// Line is an event, or the end of a job if it has a state.
type Line struct {
	Job, Message, State string
}

// Serve takes lines from all who connect to the listener, until ctx ends, and
// then waits for those it serves. take is called with what came in one read,
// by one goroutine a connection. A question is answered, after all lines
// before it were taken, with what asked returns: how often the server read its
// store, 0 if it has none.
func Serve(ctx context.Context, l net.Listener, take func([]Line), asked func() int64) error {
	var conns sync.WaitGroup
	defer conns.Wait()
	defer context.AfterFunc(ctx, func() { _ = l.Close() })()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("the feed: %w", err)
		}
		conns.Go(func() {
			defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
			defer conn.Close()
			_ = serve(conn, take, asked) // whoever feeds sees that it is gone
		})
	}
}

func serve(conn io.ReadWriter, take func([]Line), asked func() int64) error {
	buf := make([]byte, 0, 64<<10)
	for {
		n, err := conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		rest, err2 := takeLines(conn, buf, take, asked)
		if err := errors.Join(err, err2); err != nil {
			return err
		}
		buf = buf[:copy(buf, rest)]
		if len(buf) == cap(buf) {
			return fmt.Errorf("a line is longer than %d bytes", cap(buf))
		}
	}
}

// takeLines takes the whole lines of b, and returns what follows them.
func takeLines(w io.Writer, b []byte, take func([]Line), asked func() int64) ([]byte, error) {
	var lines []Line
	flush := func() {
		if len(lines) > 0 {
			take(lines)
			lines = lines[:0]
		}
	}
	for {
		line, rest, ok := bytes.Cut(b, []byte("\n"))
		if !ok {
			flush()
			return b, nil
		}
		if b = rest; string(line) == "?" {
			flush()
			if _, err := fmt.Fprintln(w, asked()); err != nil {
				return b, err
			}
		} else if l, ok := parse(line); ok {
			lines = append(lines, l)
		}
	}
}

// parse reads one line. One that makes no sense is passed over, and will be
// missed by those who count.
func parse(line []byte) (l Line, ok bool) {
	job, message, ok := bytes.Cut(line, []byte(" "))
	l.Job = string(job)
	if state, ended := bytes.CutPrefix(message, []byte("!")); ended {
		l.State = string(state)
	} else {
		l.Message = string(message)
	}
	return l, ok
}
