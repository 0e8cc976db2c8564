package parking

import (
	"crypto/tls"
	"io"
	"net"
	"slices"
	"sync/atomic"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Conn is the connection of a hijacked response. It is used by one goroutine
// at a time, and nobody but its user closes it: so its descriptor stays valid
// while it is used.
type Conn struct {
	socket  net.Conn // a *net.TCPConn or *net.UnixConn
	tls     *tls.Conn
	fd      int
	chunked bool   // the body is in chunks
	rest    []byte // of what was to be written, encrypted; nothing is written before it
	takes   int    // bytes of memory, for rest
	sent    atomic.Int64
}

// written is what Sent returns, of all connections.
var written atomic.Int64

// Sent is how many bytes were written, chunk framing included, or are kept to be
// written next. It may be called by anybody.
func (c *Conn) Sent() int64 { return c.sent.Load() }

// Send writes a part of the body, that follows joblog.ChunkRoom bytes of b
// which are free to use. full is true if the client takes no more for now: it
// is then to be parked. Send keeps what is not yet written, not b.
func (c *Conn) Send(b []byte) (full bool, err error) {
	if len(b) == joblog.ChunkRoom {
		return len(c.rest) > 0, nil
	}
	if c.chunked {
		return c.write(joblog.Chunk(b))
	}
	return c.write(b[joblog.ChunkRoom:])
}

// send writes a burst.
func (c *Conn) send(b *joblog.Burst) (full bool, err error) {
	if c.chunked {
		return c.write(b.Chunk())
	}
	return c.write(b.Body())
}

// end writes the end of the body.
func (c *Conn) end() (full bool, err error) {
	if c.chunked {
		return c.write([]byte("0\r\n\r\n"))
	}
	return c.flush()
}

// write writes without blocking, and keeps the rest.
func (c *Conn) write(b []byte) (full bool, err error) {
	if c.tls == nil {
		err = c.put(b)
	} else {
		_, err = c.tls.Write(b) // which puts
	}
	if err != nil {
		return false, err
	}
	c.sent.Add(int64(len(b)))
	written.Add(int64(len(b)))
	return len(c.rest) > 0, nil
}

// put gives the socket what it takes of b, and keeps the rest.
func (c *Conn) put(b []byte) error {
	if len(c.rest) == 0 { // else the socket takes no more
		n, err := c.try(b)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	c.keep(append(c.rest, b...))
	return nil
}

// flush gives the socket what it takes of the rest.
func (c *Conn) flush() (full bool, err error) {
	n, err := c.try(c.rest)
	if err != nil {
		return false, err
	}
	if c.rest = c.rest[n:]; 2*len(c.rest) < c.takes {
		c.keep(slices.Clone(c.rest)) // what was written is not kept
	}
	return len(c.rest) > 0, nil
}

// keep keeps a rest, which has memory of its own.
func (c *Conn) keep(rest []byte) {
	c.rest, c.takes = rest, cap(rest)
	if len(rest) == 0 {
		c.rest, c.takes = nil, 0
	}
}

// try writes as much as it can without blocking.
func (c *Conn) try(b []byte) (n int, err error) {
	for n < len(b) {
		some, err := c.writeSocket(b[n:])
		if n += some; err != nil || some == 0 {
			return n, err
		}
	}
	return n, nil
}

// lingering is how many bytes that a client has sent are read and dropped when its
// connection is closed: to close a socket that has any resets the connection, and
// the client loses what is on its way to it.
const lingering = 1 << 20

// close closes the connection: in good order if all was written, else at once,
// and the kernel keeps nothing for a client that takes nothing. It may block for as
// long as Parting.
func (c *Conn) close(orderly bool) {
	defer c.socket.Close()
	tcp, ok := c.socket.(*net.TCPConn)
	switch {
	case len(c.rest) > 0:
		if ok {
			_ = tcp.SetLinger(0)
		}
		return
	case !orderly:
		return
	case c.tls != nil:
		_ = c.tls.CloseWrite() // the client is gone at the worst
	}
	if half, ok := c.socket.(interface{ CloseWrite() error }); ok && c.unread() && half.CloseWrite() == nil {
		_ = c.socket.SetReadDeadline(time.Now().Add(Parting))
		_, _ = io.CopyN(io.Discard, c.socket, lingering) // until the client has the end, and closes
	}
}
