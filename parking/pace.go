package parking

import "time"

// A shard with many streams does not go over them the moment there is
// something to send.
const (
	// longPass is the length of passes from which on a shard holds back.
	longPass = time.Millisecond
	// lull is for how long it does so before a pass. Go's monitor wakes up every
	// 20 us for as long as there is work after a system call that followed a
	// rest, which costs up to a third of a pass. In a lull it goes to sleep, and
	// what the shard does then does not wake it: the watcher's alarm is no timer
	// of Go's, and writes are no system calls that Go knows of.
	lull = 200 * time.Microsecond
	// turn is for how long passes go on until Go gets to look for what has come on
	// other connections, which it does only when nothing can run. Else its monitor
	// would see to that.
	turn = 10 * time.Millisecond
	// mostPause is for how long a shard holds back at most after a pass.
	mostPause = 10 * time.Millisecond
	// fullWrite is how many bytes a write has, on average, when nothing is gained
	// by waiting for more.
	fullWrite = 32 << 10
	// averaged is the time over which the need for passes is.
	averaged = 200 * time.Millisecond
)

// duty says how long a shard holds back after passes. A write costs about the
// same whether one event is in it or many. So the larger the share of the time
// that passes would take if they were not held back, the longer the pause: from
// nothing, at some percent, to as long as they take, at full percent.
type duty struct{ some, full time.Duration }

// Over TLS each write is a record besides, which costs both ends.
var plainDuty, tlsDuty = duty{80, 100}, duty{50, 80}

// pause is the one after passes that took so long.
func (d duty) pause(took, percent time.Duration) time.Duration {
	return min(took, mostPause) * (min(max(percent, d.some), d.full) - d.some) / (d.full - d.some)
}

// pacer tells a shard for how long to hold back. It measures by the clock, so
// what else the machine does counts, too.
type pacer struct {
	began   time.Time // of the passes under way; zero if there are none
	ended   time.Time // of the last ones
	took    time.Duration
	signals int // that the passes follow
	groups  int // that they are of
	writes  int // of the passes
	secure  int // those of them that were over TLS
	bytes   int

	needs, span time.Duration // passes would take needs of span if nothing was held back
}

// begin is called when passes begin.
func (p *pacer) begin(now time.Time) {
	if p.began.IsZero() {
		p.began = now
	}
}

// wrote is called after each write.
func (p *pacer) wrote(bytes int, secure bool) {
	if p.began.IsZero() {
		return
	}
	p.writes++
	p.bytes += bytes
	if secure {
		p.secure++
	}
}

// end is called when no pass is under way any more. It returns for how long to
// hold back.
func (p *pacer) end(now time.Time) (pause time.Duration) {
	took := now.Sub(p.began)
	p.needs += took * time.Duration(p.signals) / time.Duration(max(p.groups, 1))
	p.span += min(now.Sub(p.ended), averaged)
	if p.span >= averaged {
		p.needs, p.span = p.needs/2, p.span/2
	}
	if took >= longPass && p.bytes < p.writes*fullWrite {
		pause = p.duty().pause(took, 100*p.needs/p.span)
	}
	*p = pacer{ended: now, took: took, needs: p.needs, span: p.span}
	return pause
}

// duty is that of most writes.
func (p *pacer) duty() duty {
	if 2*p.secure > p.writes {
		return tlsDuty
	}
	return plainDuty
}
