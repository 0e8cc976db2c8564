package parking

import (
	"fmt"
	"net"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// locate finds the descriptor of the connection's socket.
func (c *Conn) locate(socket net.Conn) error {
	raw, err := socket.(syscall.Conn).SyscallConn()
	if err != nil {
		return fmt.Errorf("looking for the socket's descriptor: %w", err)
	}
	return raw.Control(func(fd uintptr) { c.fd = int(fd) })
}

// unread reports whether the client has sent what nobody has read.
func (c *Conn) unread() bool {
	n, _, err := unix.Recvfrom(c.fd, make([]byte, 1), unix.MSG_PEEK|unix.MSG_DONTWAIT)
	return n > 0 && err == nil
}

// writeSocket writes what the socket takes, which may be nothing. The call does
// not block, so the scheduler is not told of it, which would cost more than
// all else here.
func (c *Conn) writeSocket(b []byte) (int, error) {
	const flags = unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(unsafe.SliceData(b))), uintptr(len(b)), flags, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EAGAIN, unix.EINTR:
		return 0, nil
	default:
		return 0, fmt.Errorf("sending: %w", errno)
	}
}
