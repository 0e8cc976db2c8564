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
}

// Job is one job's log, as it is published.
type Job struct {
	// Name is the job's id.
	Name string
	// Last is the number of the newest event.
	Last int64
}

// viewer is one viewer's connection.
type viewer struct {
	socket *socket
	conn   io.ReadWriter // the socket, or TLS over it
	decoder
	scanner
	job  *Job
	host string
}

// newViewer connects, and asks for nothing yet.
func newViewer(v *Viewers, i int) (*viewer, error) {
	// So many connections have ports to spare between any two addresses.
	const share = 10_000
	from := netip.AddrFrom4([4]byte{127, 0, 0, byte(2 + i/share)})
	s, err := dial(v.Server, from, v.Receive)
	if err != nil {
		return nil, err
	}
	w := &viewer{socket: s, conn: s, decoder: &http1{}, job: v.Job(i), host: fmt.Sprint("localhost:", v.Server.Port())}
	w.next = 1
	switch v.Protocol {
	case TLS:
		w.conn, err = s.encrypt("http/1.1")
	case HTTP2:
		w.decoder = &http2c{}
		w.conn, err = s.encrypt("h2")
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return w, nil
}

// ask sends the request. From then on the viewer waits for nothing.
func (v *viewer) ask() error {
	if _, err := v.conn.Write(v.request(v.host, "/jobs/"+v.job.Name+"/logs")); err != nil {
		return fmt.Errorf("asking for a log: %w", err)
	}
	if err := unix.SetNonblock(v.socket.fd, true); err != nil {
		return fmt.Errorf("fcntl: %w", err)
	}
	return nil
}

// read takes what has come. It returns io.EOF at the end of the response.
func (v *viewer) read(buf []byte, clock func() int64, t *Tally) error {
	for {
		n, err := v.conn.Read(buf)
		if err == nil {
			now := clock()
			err = v.decode(buf[:n], v.conn, func(b []byte) error { return v.scan(b, now, t) })
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
