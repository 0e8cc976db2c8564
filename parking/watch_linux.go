package parking

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// watcher tells of sockets that were hung up or became writable: epoll, which
// itself is waited for as Go waits for sockets, without a thread.
type watcher struct {
	file *os.File
	raw  syscall.RawConn
	fd   int
}

// change is what became of a socket. id is what add was given.
type change struct {
	fd, id   int32
	hungUp   bool
	writable bool
}

func newWatcher() (*watcher, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making an epoll instance: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, fmt.Errorf("making an epoll instance: %w", err)
	}
	w := &watcher{file: os.NewFile(uintptr(fd), "epoll"), fd: fd}
	w.raw, err = w.file.SyscallConn()
	return w, err
}

// add begins to watch a socket for hang-ups, and once for being writable, too.
// What holds already is told at once.
func (w *watcher) add(fd, id int32, writable bool) error {
	return w.control(unix.EPOLL_CTL_ADD, fd, id, writable)
}

// expect makes the watcher tell once more when the socket becomes writable.
func (w *watcher) expect(fd, id int32) error { return w.control(unix.EPOLL_CTL_MOD, fd, id, true) }

// calm ends that.
func (w *watcher) calm(fd, id int32) error { return w.control(unix.EPOLL_CTL_MOD, fd, id, false) }

// remove ends watching a socket that lives on.
func (w *watcher) remove(fd int32) { _ = w.control(unix.EPOLL_CTL_DEL, fd, 0, false) }

func (w *watcher) control(op int, fd, id int32, writable bool) error {
	e := unix.EpollEvent{Fd: fd, Pad: id, Events: unix.EPOLLRDHUP | unix.EPOLLET}
	if writable {
		e.Events |= unix.EPOLLOUT
	}
	return unix.EpollCtl(w.fd, op, int(fd), &e)
}

// wait returns what became of sockets. It fails when the watcher is closed.
func (w *watcher) wait() (changes []change, err error) {
	var events [128]unix.EpollEvent
	n, failed := 0, error(nil)
	err = w.raw.Read(func(fd uintptr) bool {
		n, failed = unix.EpollWait(int(fd), events[:], 0)
		return n > 0 || failed != nil && !errors.Is(failed, unix.EINTR)
	})
	if err != nil || failed != nil {
		return nil, fmt.Errorf("waiting for sockets: %w", firstOf(err, failed))
	}
	for _, e := range events[:n] {
		changes = append(changes, change{
			fd: e.Fd, id: e.Pad,
			hungUp:   e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
			writable: e.Events&unix.EPOLLOUT != 0,
		})
	}
	return changes, nil
}

func (w *watcher) close() { _ = w.file.Close() }

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
