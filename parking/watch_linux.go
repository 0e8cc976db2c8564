package parking

import (
	"cmp"
	"fmt"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// watcher tells of sockets that were hung up or became writable: epoll, which
// itself is waited for as Go waits for sockets, without a thread.
type watcher struct {
	file  *os.File
	raw   syscall.RawConn
	fd    int
	timer int // the alarm's descriptor
}

// change is what became of a socket. id is what add was given.
type change struct {
	fd, id   int32
	hungUp   bool
	writable bool
	alarm    bool // it is no socket: the time has come
}

func newWatcher() (*watcher, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("making an epoll instance: %w", err)
	}
	timer, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC|unix.TFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("making a timer: %w", err)
	}
	w := &watcher{fd: fd, timer: timer}
	err = cmp.Or(
		unix.SetNonblock(fd, true),
		unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, timer, &unix.EpollEvent{Fd: int32(timer), Events: unix.EPOLLIN | unix.EPOLLET}),
	)
	w.file = os.NewFile(uintptr(fd), "epoll")
	if err == nil {
		w.raw, err = w.file.SyscallConn()
	}
	if err == nil {
		err = w.file.SetReadDeadline(time.Time{}) // it fails if Go cannot wait for the file
	}
	if err != nil {
		w.close()
		return nil, fmt.Errorf("making an epoll instance: %w", err)
	}
	return w, nil
}

// alarm has wait return a change of its own after some time.
func (w *watcher) alarm(d time.Duration) error {
	spec := unix.ItimerSpec{Value: unix.NsecToTimespec(d.Nanoseconds())}
	if err := unix.TimerfdSettime(w.timer, 0, &spec, nil); err != nil {
		return fmt.Errorf("setting a timer: %w", err)
	}
	return nil
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
		n, failed = poll(fd, events[:])
		return n > 0 || failed != nil
	})
	if err != nil || failed != nil {
		return nil, fmt.Errorf("waiting for sockets: %w", cmp.Or(err, failed))
	}
	for _, e := range events[:n] {
		changes = append(changes, change{
			fd: e.Fd, id: e.Pad,
			hungUp:   e.Events&(unix.EPOLLRDHUP|unix.EPOLLHUP|unix.EPOLLERR) != 0,
			writable: e.Events&unix.EPOLLOUT != 0,
			alarm:    int(e.Fd) == w.timer,
		})
	}
	return changes, nil
}

// poll looks what there is. It does not block, so the scheduler is not told of
// it; see lull.
func poll(fd uintptr, events []unix.EpollEvent) (int, error) {
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, fd, uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

func (w *watcher) close() {
	_ = w.file.Close()
	_ = unix.Close(w.timer)
}
