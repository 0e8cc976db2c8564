package caddyjobs

import (
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/parking"
)

const (
	// shedAfter is for how long a client may take nothing until its stream keeps no
	// more than it has to.
	shedAfter = 100 * time.Millisecond
	// plenty is how many bytes a stream may have to keep without their being counted.
	plenty = 4 * mouthful
)

// shed is what a stream does while a write in its handler blocks. What was read and
// not sent is dropped, and read again later: a slow client costs a cursor, and what
// is being written. That is a row at least, and rows may be large: those of all
// blocked streams of a hub are bounded by its history. Who comes beyond it is cut,
// as if it had taken nothing for too long.
type shed struct {
	mu      sync.Mutex
	writing bool
	holds   int // bytes that are being written
	dropped bool
	counted int // those of holds that count in the hub
	timer   *time.Timer
}

// writes is called before so many bytes are written. If it returns true, written is
// to be called after it; else there is nothing to be dropped.
func (v *viewer) writes(holds int) bool {
	if v.stream == nil || v.stream.Live() && holds <= plenty {
		return false
	}
	v.shed.mu.Lock()
	defer v.shed.mu.Unlock()
	v.shed.writing, v.shed.holds = true, holds
	if v.shed.timer == nil {
		v.shed.timer = time.AfterFunc(shedAfter, v.drop)
	} else {
		v.shed.timer.Reset(shedAfter)
	}
	return true
}

func (v *viewer) written() {
	v.shed.mu.Lock()
	defer v.shed.mu.Unlock()
	v.shed.timer.Stop()
	v.hub.held.Add(-int64(v.shed.counted))
	v.shed.writing, v.shed.dropped, v.shed.counted = false, false, 0
}

// drop is called while a write blocks, when nobody else uses the stream.
func (v *viewer) drop() {
	v.shed.mu.Lock()
	defer v.shed.mu.Unlock()
	if !v.shed.writing || v.shed.dropped {
		return
	}
	_ = rescued(func() error { v.stream.Drop(); return nil }) // which logs it
	v.shed.dropped = true
	v.shed.counted = max(v.shed.holds-plenty, 0)
	if held := v.hub.held.Add(int64(v.shed.counted)); v.shed.counted > 0 && held > int64(v.hub.tunables.Load().history) {
		v.end(parking.Stalled, time.Now())
		v.stop()
	}
}
