package load

import (
	"errors"
	"fmt"
	"io"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Protocol is how viewers speak to a server.
type Protocol string

// The protocols.
const (
	Plain Protocol = "http/1.1"
	TLS   Protocol = "tls"
	HTTP2 Protocol = "h2" // over TLS, one stream a connection
)

// Viewers are some viewers to be made.
type Viewers struct {
	// Server is the address of the server.
	Server netip.AddrPort
	// Protocol is what they speak.
	Protocol Protocol
	// First is the index of the first one, and Count how many there are.
	First, Count int
	// Job is the job that the viewer with this index watches.
	Job func(i int) *Job
	// Receive is the size of the receive buffers in bytes; 0 leaves it to the
	// kernel.
	Receive int
	// Share is how many viewers have the same address; 0 stands for as many as
	// there are ports to spare for between any two addresses.
	Share int
	// Again says where a viewer goes on whose stream broke before its job ended,
	// once it has waited for as long as it was told. If it is nil a break is an
	// error of Run.
	Again func(Break) netip.AddrPort
}

// ports is how many connections have ports to spare between two addresses.
const ports = 10_000

// from is the address of the viewer with an index.
func (v *Viewers) from(i int) netip.Addr {
	share := v.Share
	if share == 0 {
		share = ports
	}
	n := 2 + i/share
	return netip.AddrFrom4([4]byte{127, 0, byte(n >> 8), byte(n)})
}

// Job is one job's log, as it is published.
type Job struct {
	// Name is the job's id.
	Name string
	// Last is the number of the newest event.
	Last int64
}

// viewer is one viewer's connection, and what it has seen on this and earlier
// ones.
type viewer struct {
	socket *socket
	conn   io.ReadWriter // the socket, or TLS over it
	decoder
	scanner
	*Viewers
	from netip.Addr
	job  *Job
	host string
}

// newViewer connects, and asks for nothing yet.
func newViewer(v *Viewers, i int) (*viewer, error) {
	w := &viewer{Viewers: v, from: v.from(i), job: v.Job(i)}
	w.next, w.retry = 1, usualRetry
	return w, w.connect(v.Server)
}

// connect makes a connection, on which nothing is asked for yet.
func (v *viewer) connect(to netip.AddrPort) error {
	s, err := dial(to, v.from, v.Receive)
	if err != nil {
		return err
	}
	v.socket, v.conn, v.decoder, v.host = s, s, &http1{}, fmt.Sprint("localhost:", to.Port())
	switch v.Protocol {
	case TLS:
		v.conn, err = s.encrypt("http/1.1")
	case HTTP2:
		v.decoder = &http2c{}
		v.conn, err = s.encrypt("h2")
	}
	if err != nil {
		return errors.Join(err, s.Close())
	}
	return nil
}

// ask sends the request. From then on the viewer waits for nothing.
func (v *viewer) ask() error {
	if _, err := v.conn.Write(v.request(v.host, "/jobs/"+v.job.Name+"/logs", string(v.last))); err != nil {
		return fmt.Errorf("asking for a log: %w", err)
	}
	if err := unix.SetNonblock(v.socket.fd, true); err != nil {
		return fmt.Errorf("fcntl: %w", err)
	}
	return nil
}

// errBroken is wrapped by the errors of a connection that ends before its
// response does.
var errBroken = errors.New("the connection breaks")

// Write writes what the decoder has to answer.
func (v *viewer) Write(b []byte) (int, error) {
	n, err := v.conn.Write(b)
	if err != nil {
		err = fmt.Errorf("%w: %w", errBroken, err)
	}
	return n, err
}

// read takes what has come. It returns io.EOF at the end of the response,
// errNothing if there is none, and errBroken.
func (v *viewer) read(buf []byte, clock func() int64, t *Tally) error {
	for {
		n, err := v.conn.Read(buf)
		switch {
		case err == nil:
			now := clock()
			err = v.decode(buf[:n], v, func(b []byte) error { return v.scan(b, now, t) })
		case !errors.Is(err, errAgain):
			err = fmt.Errorf("%w: %w", errBroken, err)
		}
		switch {
		case errors.Is(err, errAgain):
			return nil
		case err != nil:
			return err
		case v.conn == io.ReadWriter(v.socket) && n < len(buf):
			return nil // epoll says when there is more; of TLS it cannot know all
		}
	}
}
