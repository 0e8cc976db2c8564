package oracle

import (
	"errors"
	"net"
	"net/http"
	"syscall"
)

// newClient makes a client that has no timeout: streams are long. Each viewer has its own connections,
// of which the kernel takes little that nobody reads.
func newClient() (*http.Client, func()) {
	dialer := net.Dialer{Control: func(_, _ string, c syscall.RawConn) (err error) {
		cerr := c.Control(func(fd uintptr) { err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4096) })
		return errors.Join(cerr, err)
	}}
	transport := &http.Transport{DisableCompression: true, DialContext: dialer.DialContext}
	return &http.Client{Transport: transport}, transport.CloseIdleConnections
}
