package load

import (
	"context"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// Rate is how events are published.
type Rate struct {
	// PerSecond is how many events, of all jobs together.
	PerSecond float64
	// Burst is the shortest time between two writes: what falls due in it comes
	// at once.
	Burst time.Duration
	// For is how long.
	For time.Duration
	// Jobs get the events in turns.
	Jobs []*Job
}

// pace publishes at a rate.
type pace struct {
	Rate
	begun time.Time
	total int // events to be published
	sent  int
}

// Start publishes at a rate from now on, while the loop runs.
func (l *Loop) Start(r Rate) error {
	l.pace = &pace{Rate: r, begun: time.Now(), total: int(r.PerSecond * r.For.Seconds())}
	return l.tickEvery(max(time.Duration(float64(time.Second)/r.PerSecond), r.Burst))
}

// Stop ends what Start began.
func (l *Loop) Stop() error {
	l.pace.total = l.pace.sent
	return l.tickEvery(0)
}

// tickEvery sets the timer; 0 stops it.
func (l *Loop) tickEvery(d time.Duration) error {
	spec := unix.ItimerSpec{Interval: unix.NsecToTimespec(int64(d)), Value: unix.NsecToTimespec(int64(d))}
	if err := unix.TimerfdSettime(l.timer, 0, &spec, nil); err != nil {
		return fmt.Errorf("timerfd: %w", err)
	}
	return nil
}

// Published reports whether all events of the rate were published.
func (l *Loop) Published() bool { return l.pace.sent == l.pace.total }

// Play publishes at a rate and reads until every viewer has every event, or
// patience is over after the last one: what was lost is then in Lacking.
func (l *Loop) Play(ctx context.Context, r Rate, patience time.Duration) error {
	if err := l.Start(r); err != nil {
		return err
	}
	late := time.Now().Add(r.For + patience)
	var looked time.Time
	return l.Run(ctx, func() bool {
		now := time.Now()
		if !l.Published() || now.Sub(looked) < 2*time.Millisecond {
			return now.After(late)
		}
		looked = now
		return now.After(late) || l.Lacking() == 0
	})
}

func (l *Loop) tick() error {
	var times [8]byte
	if _, err := unix.Read(l.timer, times[:]); err != nil || l.pace == nil {
		return nil //nolint:nilerr // the timer was set anew meanwhile
	}
	p := l.pace
	due := min(int(p.PerSecond*time.Since(p.begun).Seconds()), p.total)
	count := due - p.sent
	if due == p.total {
		if err := l.tickEvery(0); err != nil {
			return err
		}
	}
	if len(p.Jobs) == 1 && count > 0 {
		p.sent = due
		return l.Send(p.Jobs[0], count)
	}
	for ; p.sent < due; p.sent++ {
		if err := l.Send(p.Jobs[p.sent%len(p.Jobs)], 1); err != nil {
			return err
		}
	}
	return nil
}
