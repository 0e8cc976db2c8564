package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Break is how a viewer's stream ended before its job did.
type Break struct {
	// Viewers are whose viewer it was.
	Viewers *Viewers
	// At is when its end was read.
	At time.Time
	// Begun is whether anything had come on the connection. It is false where
	// there was none, as the server did not listen.
	Begun bool
	// Whole is whether the response had an end.
	Whole bool
	// Said is what the server said at the end: "bye", "error" or nothing.
	Said string
	// Retry is how long the viewer was told to wait before it comes again.
	Retry time.Duration
	// Err is what broke.
	Err error
}

// usualRetry is what browsers wait who were told nothing.
const usualRetry = 3 * time.Second

// comers are viewers that are to come again. Each has a goroutine that waits,
// connects and asks: a handshake is no reason for all others to wait.
type comers struct {
	life context.Context // ends with the loop
	end  context.CancelFunc
	work sync.WaitGroup
	few  chan struct{} // has room for those that connect at the same time
	bell int           // an eventfd, by which the loop learns of those that came
	away map[*viewer]struct{}

	mu   sync.Mutex
	came []comer
}

// comer is a viewer that has asked again, or has failed to.
type comer struct {
	*viewer
	err error
}

func newComers() (*comers, error) {
	const most = 16
	bell, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("eventfd: %w", err)
	}
	c := &comers{few: make(chan struct{}, most), bell: bell, away: map[*viewer]struct{}{}}
	c.life, c.end = context.WithCancel(context.Background())
	return c, nil
}

// close waits for all, and hangs up those that came.
func (c *comers) close() error {
	c.end()
	c.work.Wait()
	for _, v := range c.came {
		if v.err == nil {
			_ = v.socket.Close() // nothing is to be saved
		}
	}
	return unix.Close(c.bell)
}

// send lets a viewer come again, at an address.
func (c *comers) send(v *viewer, to netip.AddrPort, wait time.Duration) {
	c.away[v] = struct{}{}
	c.work.Go(func() {
		timer := time.NewTimer(wait)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-c.life.Done():
			return
		}
		select {
		case c.few <- struct{}{}:
		case <-c.life.Done():
			return
		}
		err := v.comeAgain(to)
		<-c.few
		c.mu.Lock()
		defer c.mu.Unlock()
		c.came = append(c.came, comer{v, err})
		_, _ = unix.Write(c.bell, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // it is full only if it rings already
	})
}

func (v *viewer) comeAgain(to netip.AddrPort) error {
	if err := v.connect(to); err != nil {
		return err
	}
	if err := v.ask(); err != nil {
		return errors.Join(err, v.socket.Close())
	}
	return nil
}

// take returns those that came since it was last called.
func (c *comers) take() []comer {
	var count [8]byte
	_, _ = unix.Read(c.bell, count[:]) // silences the bell
	c.mu.Lock()
	defer c.mu.Unlock()
	came := c.came
	c.came = nil
	return came
}

// welcome takes the viewers that came again.
func (l *Loop) welcome() error {
	for _, c := range l.comers.take() {
		delete(l.comers.away, c.viewer)
		if c.err != nil {
			l.send(c.viewer, c.err)
			continue
		}
		l.viewers[c.socket.fd] = c.viewer
		if err := l.watch(c.socket.fd, unix.EPOLLIN); err != nil {
			return err
		}
	}
	return nil
}

// broken hangs up a viewer whose stream broke, and lets it come again.
func (l *Loop) broken(v *viewer, err error) {
	l.hangUp(v)
	if v.begun {
		l.waiting++
	}
	l.send(v, err)
}

func (l *Loop) send(v *viewer, err error) {
	whole := !errors.Is(err, errBroken) && errors.Is(err, io.EOF)
	to := v.Again(Break{v.Viewers, time.Now(), v.begun, whole, v.said, v.retry, err})
	v.anew()
	l.comers.send(v, to, v.retry)
}
