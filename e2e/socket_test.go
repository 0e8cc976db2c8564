package e2e

import (
	"context"
	"syscall"
)

// smallReceiveBuffer is a net.Dialer's ControlContext: with it the kernel
// holds little of what the server has sent.
func smallReceiveBuffer(_ context.Context, _, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 8<<10)
	}); cerr != nil {
		return cerr
	}
	return err
}
