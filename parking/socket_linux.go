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

// writePlain writes what the socket takes, which may be nothing. The call does
// not block, so the scheduler is not told of it, which would cost more than
// all else here.
func (c *Conn) writePlain(b []byte) (int, error) {
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

// room is how many bytes the socket surely takes without blocking; 0 if it is
// to be waited for. The kernel counts its own overhead, too, hence half of
// what it says; and it calls a socket writable that has a third of it free.
func (c *Conn) room() (int, error) {
	const allocated, bound, queued, fields = 2, 3, 5, 9 // SK_MEMINFO_*
	var info [fields]uint32
	size := uint32(unsafe.Sizeof(info))
	_, _, errno := unix.RawSyscall6(unix.SYS_GETSOCKOPT, uintptr(c.fd), unix.SOL_SOCKET, unix.SO_MEMINFO,
		uintptr(unsafe.Pointer(&info)), uintptr(unsafe.Pointer(&size)), 0)
	if errno != 0 {
		return 0, fmt.Errorf("asking for the socket's memory: %w", errno)
	}
	used := int(max(info[queued], info[allocated]))
	if used > int(info[bound])/3*2 {
		return 0, nil
	}
	return (int(info[bound]) - used) / 2, nil
}
