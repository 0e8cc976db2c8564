package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// bufferSize is how much is read at once, in bytes.
const bufferSize = 256 << 10

// Loop is the generator: viewers and a publisher in one goroutine.
type Loop struct {
	// Tally counts from when it was last replaced.
	Tally *Tally

	epoll   int
	timer   int
	base    time.Time
	buf     []byte
	viewers map[int]*viewer // by file descriptor
	idle    []*viewer       // that read nothing
	waiting int             // viewers that nothing has come to
	comers  *comers         // that are to come again
	pub     *publisher      // nil if there is none
	pace    *pace           // nil if nothing is published
}

// NewLoop makes a generator. It must be closed.
func NewLoop() (*Loop, error) {
	l := &Loop{Tally: new(Tally), buf: make([]byte, bufferSize), viewers: map[int]*viewer{}, base: time.Now()}
	var err error
	if l.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	if l.timer, err = unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_NONBLOCK|unix.TFD_CLOEXEC); err != nil {
		return nil, errors.Join(fmt.Errorf("timerfd: %w", err), unix.Close(l.epoll))
	}
	if l.comers, err = newComers(); err != nil {
		return nil, errors.Join(err, unix.Close(l.timer), unix.Close(l.epoll))
	}
	if err := errors.Join(l.watch(l.timer, unix.EPOLLIN), l.watch(l.comers.bell, unix.EPOLLIN)); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close hangs up all connections.
func (l *Loop) Close() error {
	l.Leave()
	err := errors.Join(l.comers.close(), l.unpublish())
	return errors.Join(err, os.NewSyscallError("close", unix.Close(l.timer)), os.NewSyscallError("close", unix.Close(l.epoll)))
}

// Leave hangs up all viewers.
func (l *Loop) Leave() {
	for _, v := range l.viewers {
		l.hangUp(v)
	}
	for _, v := range l.idle {
		_ = v.socket.Close() // nothing is to be saved
	}
	l.idle, l.waiting = nil, 0
}

func (l *Loop) hangUp(v *viewer) {
	delete(l.viewers, v.socket.fd)
	_ = v.socket.Close() // nothing is to be saved
}

func (l *Loop) watch(fd int, events uint32) error {
	if err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// now is the loop's clock, in nanoseconds.
func (l *Loop) now() int64 { return int64(time.Since(l.base)) }

// Connect connects viewers and makes the handshakes, and returns what makes
// all of them ask for their logs at once.
func (l *Loop) Connect(ctx context.Context, v Viewers) (ask func() error, err error) {
	added := make([]*viewer, 0, v.Count)
	for i := range v.Count {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		w, err := newViewer(&v, v.First+i)
		if err != nil {
			return nil, fmt.Errorf("viewer %d: %w", i, err)
		}
		l.viewers[w.socket.fd] = w
		added = append(added, w)
	}
	return func() error {
		for _, w := range added {
			if err := errors.Join(w.ask(), l.watch(w.socket.fd, unix.EPOLLIN)); err != nil {
				return err
			}
			l.waiting++
		}
		return nil
	}, nil
}

// Stall adds viewers that ask for their logs and never read.
func (l *Loop) Stall(ctx context.Context, v Viewers) error {
	for i := range v.Count {
		if err := ctx.Err(); err != nil {
			return err
		}
		w, err := newViewer(&v, v.First+i)
		if err != nil {
			return fmt.Errorf("stalled viewer %d: %w", i, err)
		}
		l.idle = append(l.idle, w)
		if err := w.ask(); err != nil {
			return err
		}
	}
	return nil
}

// Resume makes those who read nothing read, with this much of a buffer in bytes.
func (l *Loop) Resume(receive int) error {
	for _, v := range l.idle {
		err := unix.SetsockoptInt(v.socket.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, receive)
		if err := errors.Join(err, l.watch(v.socket.fd, unix.EPOLLIN)); err != nil {
			return err
		}
		l.viewers[v.socket.fd] = v
		l.waiting++
	}
	l.idle = nil
	return nil
}

// leave hangs up a viewer that has seen its job end.
func (l *Loop) leave(v *viewer) {
	l.Tally.Lost += v.lacks(v.job.Last)
	l.hangUp(v)
}

// Waiting is how many viewers nothing has come to on their connection, or who
// have none.
func (l *Loop) Waiting() int { return l.waiting }

// Watching is how many viewers there are, those that are away among them, whose
// jobs have not ended.
func (l *Loop) Watching() int { return len(l.viewers) + len(l.comers.away) }

// Lacking is how many events have been published that viewers lack.
func (l *Loop) Lacking() (n int64) {
	for _, v := range l.viewers {
		n += v.lacks(v.job.Last)
	}
	for v := range l.comers.away {
		n += v.lacks(v.job.Last)
	}
	return n
}

// Run reads and publishes until done, which is asked after every turn, or ctx
// ends, whose error it then returns.
func (l *Loop) Run(ctx context.Context, done func() bool) error {
	var events [1024]unix.EpollEvent
	const look = 100 // ms after which ctx is looked at
	for ctx.Err() == nil {
		if done() {
			return nil
		}
		n, err := unix.EpollWait(l.epoll, events[:], look)
		if err != nil && !errors.Is(err, unix.EINTR) {
			return fmt.Errorf("epoll: %w", err)
		}
		for i := range max(n, 0) {
			if err := l.turn(int(events[i].Fd)); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (l *Loop) turn(fd int) error {
	switch v := l.viewers[fd]; {
	case v != nil:
		return l.read(v)
	case fd == l.timer:
		return l.tick()
	case fd == l.comers.bell:
		return l.welcome()
	case l.pub != nil && fd == l.pub.socket.fd:
		return l.pub.ready()
	}
	return nil
}

func (l *Loop) read(v *viewer) error {
	begun := v.begun
	err := v.read(l.buf, l.now, l.Tally)
	if v.begun && !begun {
		l.waiting--
	}
	switch {
	case errors.Is(err, errNothing) && v.last != nil:
		l.waiting--
		if !v.ended {
			v.ended = true
			l.Tally.Ends++
		}
		l.leave(v)
		return nil
	case errors.Is(err, io.EOF) && v.ended:
		l.leave(v)
		return nil
	case v.Again != nil && (errors.Is(err, errBroken) || errors.Is(err, io.EOF)):
		l.broken(v, err)
		return nil
	case err != nil:
		return fmt.Errorf("a viewer of %s, after %d events and %q: %w", v.job.Name, v.next-1, v.said, err)
	}
	return nil
}
