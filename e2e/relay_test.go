package e2e

import (
	"io"
	"net"
	"sync"
	"testing"
)

// relay is a TCP proxy whose connections the test can cut.
type relay struct {
	listener net.Listener
	// sees, if set, is called with all that clients send, one connection's
	// bytes at a time. Set it before the first connection.
	sees func(conn net.Conn, b []byte)

	running sync.WaitGroup
	mu      sync.Mutex
	target  string
	conns   map[net.Conn]struct{}
	left    int // bytes to clients until cutAfter's cut, negative if there is none
}

// newRelay relays to target, an address, until the test ends.
func newRelay(t *testing.T, target string) *relay {
	t.Helper()
	r := &relay{listener: listen(t), target: target, conns: map[net.Conn]struct{}{}, left: -1}
	r.running.Go(r.accept)
	t.Cleanup(func() {
		_ = r.listener.Close()
		r.cut()
		r.running.Wait()
	})
	return r
}

func (r *relay) port() string { return portOf(r.listener) }

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		r.mu.Lock()
		target := r.target
		r.mu.Unlock()
		server, err := net.Dial("tcp", target)
		if err != nil {
			reset(client)
			continue
		}
		r.mu.Lock()
		r.conns[client], r.conns[server] = struct{}{}, struct{}{}
		r.mu.Unlock()
		r.running.Go(func() { r.copy(server, client, r.toServer) })
		r.running.Go(func() { r.copy(client, server, r.toClient) })
	}
}

// copy passes bytes on until either side ends, then ends both.
func (r *relay) copy(to, from net.Conn, pass func(to, from net.Conn, b []byte) error) {
	buf := make([]byte, 16<<10)
	for {
		n, err := from.Read(buf)
		if perr := pass(to, from, buf[:n]); err != nil || perr != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.conns, to)
	delete(r.conns, from)
}

func (r *relay) toServer(to, from net.Conn, b []byte) error {
	if r.sees != nil {
		r.sees(from, b)
	}
	_, err := to.Write(b)
	return err
}

func (r *relay) toClient(to, _ net.Conn, b []byte) error {
	r.mu.Lock()
	due := r.left >= 0 && len(b) >= r.left
	if due {
		b, r.left = b[:r.left], -1
	} else if r.left > 0 {
		r.left -= len(b)
	}
	r.mu.Unlock()
	_, err := to.Write(b)
	if due {
		return io.ErrClosedPipe
	}
	return err
}

// lead relays what connects from now on to another address.
func (r *relay) lead(target string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.target = target
}

// cut resets all connections at once.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for conn := range r.conns {
		reset(conn)
	}
}

// cutAfter ends one connection, in whatever line or frame it then is, when
// clients have got n more bytes.
func (r *relay) cutAfter(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.left = n
}

// reset closes a connection the hard way, so that what is on its way is lost.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

// listen listens on a loopback port that the system chooses.
func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func portOf(l net.Listener) string {
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}
