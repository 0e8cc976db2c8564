//go:build !linux

package parking

import (
	"errors"
	"net"
	"time"
)

// Elsewhere than on Linux nothing is parked: each stream keeps its goroutine,
// which serves it as well, and takes more memory.
var errLinux = errors.New("streams are parked on Linux only")

type watcher struct{}

type change struct {
	fd, id           int32
	hungUp, writable bool
	alarm            bool
}

func (c *Conn) locate(net.Conn) error           { return errLinux }
func (c *Conn) writeSocket([]byte) (int, error) { return 0, errLinux }
func (c *Conn) unread() bool                    { return false }
func newWatcher() (*watcher, error)             { return nil, errLinux }
func (w *watcher) add(int32, int32, bool) error { return errLinux }
func (w *watcher) expect(int32, int32) error    { return errLinux }
func (w *watcher) calm(int32, int32) error      { return errLinux }
func (w *watcher) remove(int32)                 {}
func (w *watcher) wait() ([]change, error)      { return nil, errLinux }
func (w *watcher) alarm(time.Duration) error    { return errLinux }
func (w *watcher) close()                       {}
