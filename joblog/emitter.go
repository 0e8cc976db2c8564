package joblog

import (
	"math"
	"slices"
	"sync"
	"time"
)

// Emitter is the shared tail of one watched job: a ring of ready-made frames,
// bounded by whoever calls Trim, and a signal that there is more.
//
// Frames have numbers in the order they were appended. A viewer who asks for a
// number that has fallen off the ring reads the store instead, so that a slow
// viewer costs nothing but its cursor.
//
// One goroutine appends; any number read.
type Emitter struct {
	job  string
	born time.Time // what frames count their time from

	mu     sync.RWMutex
	trail  trail
	ids    ids
	ring   []Frame
	first  int64 // number of ring[0]
	bytes  int
	wake   chan struct{} // closed when anything below or above changes; nil if nobody waits
	watch  []Observer    // told of it, too
	end    Ending
	closed bool // nothing more will be appended; end says why

	awaited *string // the state of the end that is awaited; nil if none is
}

// Ending says why an emitter will have no more frames.
type Ending struct {
	// State is the terminal state of the job.
	State string
	// Cursor is what a viewer has who was sent everything.
	Cursor Cursor
	// Rewound is true if the store went back in time instead: nothing that was
	// sent can be relied on.
	Rewound bool
}

// Observer is told when an emitter has more, or has ended.
type Observer interface {
	// Changed must be quick, and must not call the emitter. since is that of the
	// Append; zero if there is no row to tell of.
	Changed(since time.Time)
}

// NewEmitter makes the emitter of a job. Open must be called before Append.
// Its frames have ids, however long: they are made once for all, and say what is
// so in the store.
func NewEmitter(job string) *Emitter {
	return &Emitter{job: job, born: time.Now(), ids: ids{long: math.MaxInt}}
}

// Observe tells o of all that comes from now on.
func (e *Emitter) Observe(o Observer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch = append(e.watch, o)
}

// Ignore takes back an Observe.
func (e *Emitter) Ignore(o Observer) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.watch = slices.DeleteFunc(e.watch, func(have Observer) bool { return have == o })
}

// Job is the id of the emitter's job.
func (e *Emitter) Job() string { return e.job }

// Open says from where on rows will be appended: those that pos covers never are.
func (e *Emitter) Open(pos Cursor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.trail = trail{at: pos, known: pos.N}
}

// Append adds the job's rows of one tick, ascending by id, after which the
// tail stands at pos. since is the earliest time at which they may have become
// visible.
func (e *Emitter) Append(pos Cursor, since time.Time, events []Event) {
	ids := make([]int64, len(events))
	for i := range events {
		ids[i] = events[i].ID
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	leg := e.trail.reach(pos, ids)
	late := leg.late(ids)
	leg = leg.short(late)
	var id []byte
	for i := range events {
		ev, c := &events[i], leg.after(ids[i])
		id = e.ids.append(id[:0], ev.Size(), func(b []byte) []byte { return appendID(b, c, 0) })
		f := newFrame(ev.room(id), ev, c)
		f.since = since.Sub(e.born)
		if i < late || i == len(events)-1 {
			f.holes = len(f.Cursor.Holes) // the others' are parts of the last one's
		}
		e.ring = append(e.ring, f)
		e.bytes += f.size()
		e.trail.at = f.Cursor
	}
	e.signal(since)
}

// Await says that the job has a terminal state. Rows may come yet; then Complete
// follows, or Resume.
func (e *Emitter) Await(state string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.awaited = &state
}

// Resume says that the job has no terminal state any more.
func (e *Emitter) Resume() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.awaited = nil
	e.signal(time.Time{}) // for those who wait for nothing else
}

// Awaits is the terminal state of the job; ok is false if none is known.
func (e *Emitter) Awaits() (state string, ok bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.awaited == nil {
		return "", false
	}
	return *e.awaited, true
}

// Complete says that the job has ended and all its rows were appended. The
// tail stands at pos.
func (e *Emitter) Complete(state string, pos Cursor) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.end, e.closed = Ending{State: state, Cursor: e.trail.arrive(pos)}, true
	e.signal(time.Time{})
}

// Rewind says that the store went back in time.
func (e *Emitter) Rewind() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.end, e.closed = Ending{Rewound: true}, true
	e.signal(time.Time{})
}

// signal wakes all who wait. The caller holds mu.
func (e *Emitter) signal(since time.Time) {
	if e.wake != nil {
		close(e.wake)
		e.wake = nil
	}
	for _, o := range e.watch {
		o.Changed(since)
	}
}

// Ending is why the emitter will have no more frames; ok is false while it may
// have.
func (e *Emitter) Ending() (end Ending, ok bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.end, e.closed
}

// Next is the number that the next frame will have.
func (e *Emitter) Next() int64 {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.first + int64(len(e.ring))
}

// Wait returns a channel that is closed once there is a frame with this number
// or the emitter has ended.
func (e *Emitter) Wait(number int64) <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed || number < e.first+int64(len(e.ring)) {
		return done
	}
	if e.wake == nil {
		e.wake = make(chan struct{})
	}
	return e.wake
}

// done is a channel that needs no waiting.
var done = func() <-chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// Range calls yield with the frames from a number on until it returns false,
// and returns the number of the first frame it was not called with. ok is
// false if the number has fallen off the ring. yield must be quick, and must
// not call the emitter.
func (e *Emitter) Range(number int64, yield func(*Frame) bool) (next int64, ok bool) {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if number < e.first {
		return number, false
	}
	for i := int(number - e.first); i < len(e.ring); i++ {
		if !yield(&e.ring[i]) {
			return e.first + int64(i), true
		}
	}
	return e.first + int64(len(e.ring)), true
}

// Size is how much memory the ring takes, in bytes.
func (e *Emitter) Size() int {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.bytes
}

// Trim drops the oldest frames until the ring takes no more than size bytes,
// and returns how many it dropped.
func (e *Emitter) Trim(size int) (n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for ; n < len(e.ring) && e.bytes > size; n++ {
		e.bytes -= e.ring[n].size()
	}
	clear(e.ring[:n]) // the array lives on until append outgrows it
	e.ring = e.ring[n:]
	e.first += int64(n)
	return n
}
