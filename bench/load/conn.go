package load

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// handshakeTimeout bounds what is waited for while a connection is made, in
// seconds.
const handshakeTimeout = 20

// errAgain is what a read returns that has nothing to read. crypto/tls keeps a
// connection usable after an error that is a temporary net.Error.
var errAgain net.Error = again{}

type again struct{}

func (again) Error() string   { return "nothing to read yet" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }

// socket is a connection by its file descriptor. Until it is made non-blocking
// it waits, within handshakeTimeout.
type socket struct{ fd int }

// dial connects from one of the loopback addresses, so that no pair of them
// runs out of ports. receive is the size of the receive buffer in bytes; 0
// leaves it to the kernel.
func dial(to netip.AddrPort, from netip.Addr, receive int) (s *socket, err error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	s = &socket{fd}
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1),
	)
	if receive > 0 {
		err = errors.Join(err, unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receive))
	}
	err = errors.Join(err, unix.Bind(fd, &unix.SockaddrInet4{Addr: from.As4()}))
	if err == nil {
		err = unix.Connect(fd, &unix.SockaddrInet4{Addr: to.Addr().As4(), Port: int(to.Port())})
	}
	if err = errors.Join(err, s.limit()); err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("connecting to %s: %w", to, err)
	}
	return s, nil
}

// limit sets handshakeTimeout. It is called once the socket is connected: the
// runtime's signals interrupt a connect that has a timeout, for good.
func (s *socket) limit() error {
	timeout := unix.NsecToTimeval((handshakeTimeout * time.Second).Nanoseconds())
	return errors.Join(
		unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout),
		unix.SetsockoptTimeval(s.fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &timeout),
	)
}

// Read reads what has come; errAgain if nothing has.
func (s *socket) Read(b []byte) (int, error) {
	n, err := unix.Read(s.fd, b)
	for err == unix.EINTR {
		n, err = unix.Read(s.fd, b)
	}
	switch {
	case err == unix.EAGAIN:
		return 0, errAgain
	case err != nil:
		return 0, os.NewSyscallError("read", err)
	case n == 0:
		return 0, io.EOF
	}
	return n, nil
}

// Write writes all of b. What viewers have to say fits the socket's buffer.
func (s *socket) Write(b []byte) (done int, err error) {
	for done < len(b) {
		n, err := unix.Write(s.fd, b[done:])
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return done, os.NewSyscallError("write", err)
		}
		done += n
	}
	return done, nil
}

// Close closes the connection.
func (s *socket) Close() error { return os.NewSyscallError("close", unix.Close(s.fd)) }

// The rest of net.Conn, which crypto/tls asks for and does not need.

// LocalAddr is nil.
func (s *socket) LocalAddr() net.Addr { return nil }

// RemoteAddr is nil.
func (s *socket) RemoteAddr() net.Addr { return nil }

// SetDeadline does nothing.
func (s *socket) SetDeadline(time.Time) error { return nil }

// SetReadDeadline does nothing.
func (s *socket) SetReadDeadline(time.Time) error { return nil }

// SetWriteDeadline does nothing.
func (s *socket) SetWriteDeadline(time.Time) error { return nil }

// encrypt makes the TLS handshake. The certificate is the driver's own.
func (s *socket) encrypt(protocol string) (*tls.Conn, error) {
	c := tls.Client(s, &tls.Config{ServerName: "localhost", NextProtos: []string{protocol}, InsecureSkipVerify: true})
	if err := c.HandshakeContext(context.Background()); err != nil { // the socket has its timeout
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	if got := c.ConnectionState().NegotiatedProtocol; got != protocol && protocol != "http/1.1" {
		return nil, fmt.Errorf("the server speaks %q rather than %q", got, protocol)
	}
	return c, nil
}
