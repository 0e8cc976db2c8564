package load

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// publisher writes events to a server. It waits for nothing: what the server
// is slow to take is kept.
type publisher struct {
	loop   *Loop
	socket *socket
	form   Form
	out    []byte // yet to be written
	full   bool   // epoll is to say when more can be written
}

// Publish connects to where a server takes its events.
func (l *Loop) Publish(to netip.AddrPort, form Form) error {
	s, err := dial(to, netip.AddrFrom4([4]byte{127, 0, 0, 1}), 0)
	if err != nil {
		return fmt.Errorf("the feed: %w", err)
	}
	l.pub = &publisher{loop: l, socket: s, form: form}
	return errors.Join(os.NewSyscallError("fcntl", unix.SetNonblock(s.fd, true)), l.watch(s.fd, unix.EPOLLIN))
}

func (l *Loop) unpublish() error {
	if l.pub == nil {
		return nil
	}
	err := l.pub.socket.Close()
	l.pub = nil
	return err
}

// ready is called when something has come, or more can be written.
func (p *publisher) ready() error {
	var buf [64 << 10]byte
	n, err := p.socket.Read(buf[:])
	if err == nil {
		err = p.form.Answer(buf[:n])
	}
	if err != nil && !errors.Is(err, errAgain) {
		return fmt.Errorf("the feed: %w", err)
	}
	return p.flush()
}

// flush writes what there is, as far as the server takes it.
func (p *publisher) flush() error {
	for len(p.out) > 0 {
		n, err := unix.Write(p.socket.fd, p.out)
		if errors.Is(err, unix.EAGAIN) {
			break
		}
		if err != nil {
			return fmt.Errorf("the feed: %w", os.NewSyscallError("write", err))
		}
		p.out = p.out[:copy(p.out, p.out[n:])]
	}
	return p.wait(len(p.out) > 0)
}

func (p *publisher) wait(full bool) error {
	if full == p.full {
		return nil
	}
	p.full = full
	e := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(p.socket.fd)}
	if full {
		e.Events |= unix.EPOLLOUT
	}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(p.loop.epoll, unix.EPOLL_CTL_MOD, p.socket.fd, &e))
}

// Pending is how many bytes of what was published the server has not taken.
func (l *Loop) Pending() int { return len(l.pub.out) }

// Send publishes the next events of a job, all in one write.
func (l *Loop) Send(job *Job, count int) error {
	now := l.now()
	messages := make([][]byte, count)
	for i := range messages {
		job.Last++
		messages[i] = appendMessage(nil, now, job.Last)
	}
	l.pub.out = l.pub.form.Append(l.pub.out, job.Name, messages)
	return l.pub.flush()
}

// Begin makes a job, where jobs are not made by asking for them.
func (l *Loop) Begin(job *Job) error {
	l.pub.out = l.pub.form.Begin(l.pub.out, job.Name)
	return l.pub.flush()
}

// End publishes that a job has completed.
func (l *Loop) End(job *Job) error {
	l.pub.out = l.pub.form.End(l.pub.out, job.Name)
	return l.pub.flush()
}

// Settle waits until the server has taken all that was published.
func (l *Loop) Settle(ctx context.Context) error {
	l.pub.out = l.pub.form.Question(l.pub.out)
	if err := l.pub.flush(); err != nil {
		return err
	}
	return l.Run(ctx, func() bool { return len(l.pub.out) == 0 && l.pub.form.Settled() })
}
