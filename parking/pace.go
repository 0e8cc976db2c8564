package parking

import "time"

// A shard with many streams does not go over them the moment there is
// something to send.
const (
	// long is the length of passes from which on a shard holds back.
	long = time.Millisecond
	// moment is for how long it does so before a pass. Go's monitor wakes up every
	// 20 us for as long as there is work after a system call that followed a
	// rest, which costs up to a third of a pass. In a moment without work it goes
	// to sleep, and what the shard does then does not wake it: the watcher's
	// alarm is no timer of Go's, and writes are no system calls that Go knows of.
	moment = 200 * time.Microsecond
	// mostPause is for how long it does so at most after a pass. With a pass of
	// as long, nothing is late by more than 20 ms.
	mostPause = 10 * time.Millisecond
	// fullWrite is how many bytes are worth a write: there is nothing to wait for.
	fullWrite = 64 << 10
	// memory is the time over which the need for passes is averaged.
	memory = 200 * time.Millisecond
)

// pauses are those after passes. A write costs about the same whether one
// event is in it or many, so they are the longer the more of the time passes
// would take without them: from nothing, at some percent, to as long as the
// passes take, at full percent.
type pauses struct{ some, full time.Duration }

// Over TLS each write is a record besides, which costs both ends.
var overPlain, overTLS = pauses{80, 100}, pauses{50, 80}

// after is the pause after passes that took so long.
func (p pauses) after(took, percent time.Duration) time.Duration {
	return min(took, mostPause) * (min(max(percent, p.some), p.full) - p.some) / (p.full - p.some)
}

// pacer tells a shard when to hold back.
type pacer struct {
	began   time.Time // of the passes under way; zero if there are none
	ended   time.Time // of the last ones
	took    time.Duration
	signals int  // that the passes follow
	groups  int  // that they are of
	full    bool // one of them had a full write
	secure  bool // one of them was over TLS

	needs, span time.Duration // passes would take needs of span if nothing was held back
}

// begin is called when passes begin.
func (p *pacer) begin(now time.Time) {
	if p.began.IsZero() {
		p.began = now
	}
}

// end is called when no pass is under way any more. It returns for how long to
// hold back.
func (p *pacer) end(now time.Time) (pause time.Duration) {
	took := now.Sub(p.began)
	p.needs += took * time.Duration(p.signals) / time.Duration(max(p.groups, 1))
	p.span += now.Sub(p.ended)
	if p.span > memory {
		p.needs, p.span = p.needs/2, p.span/2
	}
	if took >= long && !p.full {
		pause = p.pauses().after(took, 100*p.needs/p.span)
	}
	*p = pacer{ended: now, took: took, needs: p.needs, span: p.span}
	return pause
}

func (p *pacer) pauses() pauses {
	if p.secure {
		return overTLS
	}
	return overPlain
}

// hold makes the shard take in nothing for some time. If that cannot be, it
// goes on.
func (s *shard) hold(d time.Duration) {
	if d > 0 {
		s.holding = s.watcher.alarm(d) == nil
	}
}
