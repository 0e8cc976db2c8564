package caddyjobs

import (
	"math"
	"time"
)

// How long it is remembered how long ticks take without reads. After that, if there
// are reads all the time, one is waited for in a lull of them.
const (
	remembered = 10 * time.Second
	lull       = 250 * time.Millisecond
)

// speed compares the latency of ticks beside reads of logs with that of ticks alone.
type speed struct {
	alone, beside mean
	read          time.Time // when the last page had been read
	asked         time.Time // when forgotten last said so
}

// tick takes account of a tick that was to begin at a time, and has ended. reading is
// whether pages are being read now. It returns whether ticks are slow beside reads.
func (s *speed) tick(wanted time.Time, reading bool) (slow bool) {
	took := time.Since(wanted)
	if !reading && s.read.Before(wanted) {
		s.alone.add(took, math.Inf(1))
		return false
	}
	const (
		noticeable = float64(time.Millisecond) / 2
		outlier    = 8 // times the usual latency: bounds what a single tick counts
	)
	usual := s.alone.value()
	s.beside.add(took, outlier*max(usual, float64(time.Millisecond)))
	return s.alone.known() && s.beside.value() > 1.5*usual+noticeable
}

// forgotten reports whether it is time to see how long ticks take without reads. It
// says so once in a while.
func (s *speed) forgotten() bool {
	now := time.Now()
	if now.Sub(s.alone.at) < remembered || now.Sub(s.asked) < remembered/2 {
		return false
	}
	s.asked = now
	return true
}

// mean is about the root mean square of the durations of the last second or two, in
// which the few long ones count for more.
type mean struct {
	squares float64
	at      time.Time // of the last one; zero if there is none
}

// add takes one more duration, which counts for no more than most.
func (m *mean) add(d time.Duration, most float64) {
	const (
		least = 1. / 16
		half  = 1. / 2
	)
	now := time.Now()
	weight := min(max(now.Sub(m.at).Seconds()/2, least), half)
	if !m.known() {
		weight = 1
	}
	value := min(float64(d), most)
	m.squares += (value*value - m.squares) * weight
	m.at = now
}

func (m *mean) known() bool { return !m.at.IsZero() }

func (m *mean) value() float64 { return math.Sqrt(m.squares) }
