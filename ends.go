package caddyjobs

import (
	"math/rand/v2"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/parking"
)

// Why streams end, besides the reasons that the lot has.
const (
	drained   parking.Reason = "drained"      // the server exits, or no config has the store any more
	dismissed parking.Reason = "dismissed"    // the rules have changed: the client is to ask again
	expired   parking.Reason = "auth expired" // the viewer may not watch any longer
	kicked    parking.Reason = "kicked"       // by who operates the server
	vanished  parking.Reason = "job gone"     // it was deleted, or deleted and made again: the client is to ask again
)

// Waits of clients that were kicked.
const (
	shortestBan = 30 * time.Second
	longestBan  = 60 * time.Second
)

// soonestRetry is after which time at least clients come again that are asked to.
const soonestRetry = 100 * time.Millisecond

// ending is that a stream is to end.
type ending struct {
	why parking.Reason
	at  time.Time
}

// end has a stream end at some time; the hub is then to summon it. The first
// one counts.
func (v *viewer) end(why parking.Reason, at time.Time) {
	v.told.CompareAndSwap(nil, &ending{why, at})
}

// stop ends the stream if something blocks it in its handler.
func (v *viewer) stop() {
	if cut := v.cut.Load(); cut != nil {
		(*cut)()
	}
}

// ends is when and why the stream is to end; nil if it is not known yet.
func (v *viewer) ends() *ending {
	if seat := v.seat.Load(); seat != nil && seat.over.Load() {
		v.end(vanished, time.Now())
	}
	if v.told.Load() == nil {
		if closes := v.hub.closes(); !closes.IsZero() {
			v.end(drained, time.Now().Add(rand.N(max(time.Until(closes), 1))))
		}
	}
	e := v.told.Load()
	if expires := v.permit.Load().expires; !expires.IsZero() && (e == nil || expires.Before(e.at)) {
		return &ending{expired, expires}
	}
	return e
}

// cutLate cuts the stream if it should have ended, and is blocked in its handler
// by a client that takes nothing.
func (v *viewer) cutLate() {
	if e := v.ends(); e != nil && time.Since(e.at) > parking.Parting {
		v.stop()
	}
}

// appendEnding tells the client why the stream ends, and when to come again.
func (v *viewer) appendEnding(b []byte, why parking.Reason) []byte {
	f := v.opts.Format
	switch why {
	case expired:
		return f.AppendNotice(b, joblog.AuthExpired, "what let you in has expired, or does not hold any more", nil)
	case kicked:
		b = f.AppendRetry(b, shortestBan+rand.N(longestBan-shortestBan))
		return f.AppendNotice(b, joblog.Bye, "who operates the server has ended this stream", nil)
	default:
		b = f.AppendRetry(b, soonestRetry+rand.N(clientRetry))
		return f.AppendNotice(b, joblog.Bye, "", nil)
	}
}

// Tick says what is due on a parked stream.
func (v *viewer) Tick(b []byte, silent time.Duration, full bool) (said []byte, next time.Duration, why parking.Reason) {
	if full && silent >= v.stall {
		return b, 0, parking.Stalled
	}
	if next = v.heartbeat - silent; next <= 0 {
		next, b = v.heartbeat, v.opts.Format.AppendComment(b, v.comment())
		if !full {
			b = v.stream.Remind(b)
		}
	}
	if full {
		next = min(next, v.stall-silent)
	}
	if e := v.ends(); e != nil {
		left := time.Until(e.at)
		if left <= 0 {
			return v.appendEnding(b, e.why), 0, e.why
		}
		next = min(next, left)
	}
	return b, next, ""
}

// startBeat lets heartbeats become due. It is no timer's channel that is
// waited for: each wait would start and stop the timer.
func (v *viewer) startBeat() {
	due := make(chan struct{}, 1)
	v.due, v.wrote = due, time.Now()
	v.beat = time.AfterFunc(v.heartbeat, func() {
		select {
		case due <- struct{}{}:
		default: // it is due already
		}
	})
}

// wait waits for wake, or until there may be something else to do, which
// attend then does. It returns false if the stream is over, and why.
func (v *viewer) wait(wake <-chan struct{}) (outcome, bool) {
	if v.quiet {
		return ended, true // it is yet to attend
	}
	select {
	case <-wake:
	case <-v.due:
		v.quiet = true
	case <-v.summons:
		v.quiet = true
	case <-v.gone:
		return hungUp, false
	}
	return ended, true
}

// attend does what is due beside the log: it ends the stream if that is due, or
// says something if nothing was said for long. It returns false if the stream is
// over, and why.
func (v *viewer) attend() (outcome, bool) {
	if !v.quiet {
		return ended, true
	}
	v.quiet, v.summons = false, v.hub.summoned() // before it is looked whether the stream is to end
	b, next, why := v.Tick(room(), time.Since(v.wrote), false)
	if why != "" {
		v.why = why
		v.write(b)
		return said, false
	}
	if len(b) > joblog.ChunkRoom && !v.write(b) {
		return hungUp, false
	}
	v.beat.Reset(next)
	return ended, true
}
