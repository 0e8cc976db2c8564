package rig

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"
)

// Spent is what was computed up to some moment.
type Spent struct {
	// At is the moment.
	At time.Time
	// Server is what the servers have computed, Own what this process has, and
	// All what all processes of the machine have.
	Server, Own, All time.Duration
}

// Spend looks at what some servers, this process and others have computed.
func Spend(servers ...*Process) (s Spent, err error) {
	var u syscall.Rusage
	s.At = time.Now()
	for _, p := range servers {
		cpu, err := p.CPU()
		if err != nil {
			return s, err
		}
		s.Server += cpu
	}
	s.All, err = busy()
	err = errors.Join(err, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	s.Own = time.Duration(u.Utime.Nano() + u.Stime.Nano())
	return s, err
}

// Since is the share of the time since t, in percent of a core.
func (s Spent) Since(t Spent, of func(Spent) time.Duration) float64 {
	return 100 * float64(of(s)-of(t)) / float64(s.At.Sub(t.At))
}

// Others is what neither the servers nor this process have computed since t, in
// percent of a core.
func (s Spent) Others(t Spent) float64 {
	return max(0, s.Since(t, func(s Spent) time.Duration { return s.All - s.Server - s.Own }))
}

// busy is the time that all cores together have computed, whoever it was for.
func busy() (time.Duration, error) {
	stat, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	line, _, _ := bytes.Cut(stat, []byte("\n"))
	var ticks int
	for i, field := range bytes.Fields(line)[1:] {
		const idle, waiting, stolen = 3, 4, 7 // and what follows is counted among the first two
		if n, err := strconv.Atoi(string(field)); err != nil {
			return 0, fmt.Errorf("/proc/stat: %w", err)
		} else if i != idle && i != waiting && i <= stolen {
			ticks += n
		}
	}
	const tick = time.Second / 100 // on every Linux that there is
	return time.Duration(ticks) * tick, nil
}
