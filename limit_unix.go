//go:build unix

package caddyjobs

import "golang.org/x/sys/unix"

// openFiles is how many files the process may have open; Go has raised it as
// far as it may.
func openFiles() (limit uint64, known bool) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, false
	}
	return uint64(l.Cur), true //nolint:unconvert // it is signed on FreeBSD
}
