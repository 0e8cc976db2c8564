package parking

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// shard is a part of a lot, with one goroutine while anything is parked in it.
type shard struct {
	lot  *Lot
	wake chan struct{} // holds a token if there is something in the inbox

	mu      sync.Mutex // guards the inbox
	arrived []*entry
	dirty   []*group
	signals int // that dirty groups had
	swept   bool
	running bool

	// What follows is the goroutine's own.
	watcher *watcher
	entries map[int32]*entry // by descriptor
	groups  map[*joblog.Emitter]*group
	passes  []*group // under way
	wheel   wheel
	pacer   pacer
	holding bool // nothing is taken in until the watcher's alarm
	ids     int32
	now     time.Time
	rested  time.Time // when it last waited
	scratch []byte    // where what only one stream gets is put together
}

// run serves the shard until nothing is parked in it.
func (s *shard) run() {
	for {
		if err := s.begin(); err != nil {
			s.refuse() // there is no descriptor left, say: the clients come again
		} else {
			s.serve()
		}
		if s.stop() {
			return
		}
	}
}

func (s *shard) begin() (err error) {
	s.entries, s.groups = map[int32]*entry{}, map[*joblog.Emitter]*group{}
	s.passes, s.wheel, s.pacer, s.holding = nil, wheel{}, pacer{}, false
	s.scratch = make([]byte, joblog.ChunkRoom, 4096)
	s.watcher, err = newWatcher()
	return err
}

// refuse ends those that came: they cannot be watched.
func (s *shard) refuse() {
	arrived, _ := s.take()
	for _, e := range arrived {
		s.lot.parked.Add(-1)
		s.lot.Abandon(e.guest, e.stream, e.conn, HungUp)
	}
}

func (s *shard) serve() {
	ticker := time.NewTicker(grain)
	defer ticker.Stop()
	changes := make(chan []change)
	go s.watch(s.watcher, changes)
	s.work(changes, ticker.C)
	s.watcher.close()
	for range changes { // until watch has ended
	}
	s.entries, s.groups, s.passes, s.wheel, s.scratch = nil, nil, nil, wheel{}, nil
}

// work serves until nothing is parked.
func (s *shard) work(changes <-chan []change, tick <-chan time.Time) {
	defer s.clear()
	for {
		s.now = time.Now()
		if !s.holding {
			s.admit()
		}
		s.pass()
		if len(s.entries) == 0 && len(s.passes) == 0 {
			return
		}
		s.rest(changes, tick)
	}
}

// watch hands on what becomes of sockets, until the watcher is closed.
func (*shard) watch(w *watcher, changes chan<- []change) {
	defer close(changes)
	for {
		some, err := w.wait()
		if err != nil {
			return
		}
		changes <- some
	}
}

// rest waits until there is something to do. While passes are under way it
// mostly only looks, and lets others run.
func (s *shard) rest(changes <-chan []change, tick <-chan time.Time) {
	if len(s.passes) > 0 && !s.breathes() {
		runtime.Gosched()
		select {
		case some := <-changes:
			s.notice(some)
		case <-tick:
			s.tick()
		default:
		}
		return
	}
	wake := s.wake
	if s.holding {
		wake = nil
	}
	select {
	case <-wake:
		if s.pacer.took >= longPass {
			s.hold(lull)
		}
	case some := <-changes:
		s.notice(some)
	case <-tick:
		s.tick()
	}
	s.rested = time.Now()
}

// breathes reports whether it is time to wait for a moment between passes.
func (s *shard) breathes() bool {
	if s.now.Sub(s.rested) >= turn {
		s.hold(time.Nanosecond)
	}
	return s.holding
}

// hold makes the shard take in nothing for some time. If that cannot be, it
// goes on.
func (s *shard) hold(d time.Duration) {
	if d > 0 {
		s.holding = s.watcher.alarm(d) == nil
	}
}

// admit takes in what is in the inbox.
func (s *shard) admit() {
	arrived, swept := s.take()
	for _, e := range arrived {
		s.add(e)
	}
	if swept {
		for _, e := range s.entries {
			s.call(e)
		}
	}
}

// add begins to serve an entry.
func (s *shard) add(e *entry) {
	defer s.rescue(e)
	s.ids++
	e.id, e.wrote = s.ids, s.now
	e.full = len(e.conn.rest) > 0 || !e.stream.Live()
	s.entries[int32(e.conn.fd)] = e
	s.join(e)
	if s.lot.weigh(e) {
		s.gone(e, Stalled)
		return
	}
	if err := s.watcher.add(int32(e.conn.fd), e.id, e.full); err != nil {
		s.gone(e, HungUp)
		return
	}
	s.call(e)
	s.push(e) // what was appended since its last Pull
}

// notice takes over what became of sockets.
func (s *shard) notice(changes []change) {
	s.now = time.Now()
	for _, c := range changes {
		if c.alarm {
			s.holding = false
			continue
		}
		e := s.entries[c.fd]
		if e == nil || e.id != c.id {
			continue // the descriptor is another connection's by now
		}
		if c.hungUp {
			s.gone(e, HungUp)
		} else if c.writable && e.full {
			s.drain(e)
		}
	}
}

// drain sends an entry's rest, and what it missed meanwhile.
func (s *shard) drain(e *entry) {
	defer s.rescue(e)
	full, err := e.conn.flush()
	e.wrote = s.now // it took something
	switch {
	case err != nil:
		s.gone(e, HungUp)
	case full:
		s.block(e)
	case e.ending:
		s.gone(e, e.why)
	case s.watcher.calm(int32(e.conn.fd), e.id) != nil:
		s.gone(e, HungUp)
	default:
		e.full = false
		s.lot.weigh(e)
		s.push(e)
	}
}

// block makes an entry wait until its client takes more.
func (s *shard) block(e *entry) {
	e.full = true
	e.stream.Drop()
	if s.lot.weigh(e) {
		s.gone(e, Stalled)
		return
	}
	if s.watcher.expect(int32(e.conn.fd), e.id) != nil {
		s.gone(e, HungUp)
	}
}

// push sends an entry what it lacks, as far as that does not block.
func (s *shard) push(e *entry) {
	defer s.rescue(e)
	for e.guest != nil && !e.full && !e.ending {
		var burst *joblog.Burst
		var ok bool
		if len(e.group.entries) > 1 || !e.stream.Live() { // else there is nobody to share with
			burst, ok = e.stream.Shared(&e.group.bursts)
		}
		switch {
		case !ok:
			if !s.pull(e) {
				return
			}
		case burst == nil:
			return
		case burst.Rows() > 0:
			s.lot.events.Add(burst.Rows())
			full, err := e.conn.send(burst)
			s.settle(e, len(burst.Body()), full, err)
		}
	}
}

// settle deals with the outcome of a write of so many bytes.
func (s *shard) settle(e *entry, bytes int, full bool, err error) {
	e.wrote = s.now
	s.pacer.wrote(bytes, e.conn.tls != nil)
	switch {
	case err != nil:
		s.gone(e, HungUp)
	case full:
		s.block(e)
	}
}

// pull sends an entry what only it gets. It returns false if there is nothing
// more for now.
func (s *shard) pull(e *entry) bool {
	if !e.stream.Live() {
		s.resume(e)
		return false
	}
	before := e.stream.Rows()
	b, state, err := e.stream.Pull(context.Background(), s.scratch[:joblog.ChunkRoom])
	s.scratch = b
	s.lot.events.Add(e.stream.Rows() - before)
	if len(b) > joblog.ChunkRoom {
		s.say(e, b)
	}
	switch {
	case e.guest == nil:
		return false
	case err != nil || state == joblog.Rewound:
		s.resume(e)
		return false
	case state == joblog.Ended:
		s.end(e, Complete)
		return false
	default:
		return state == joblog.More
	}
}

// say sends an entry what follows the room in b.
func (s *shard) say(e *entry, b []byte) {
	full, err := e.conn.Send(b)
	s.settle(e, len(b), full, err)
}

// end ends the response.
func (s *shard) end(e *entry, why Reason) {
	full, err := e.conn.end()
	switch {
	case err != nil:
		s.gone(e, HungUp)
	case full:
		e.ending, e.why = true, why
		if s.block(e); e.guest != nil {
			s.hurry(e)
		}
	default:
		s.gone(e, why)
	}
}

// resume lets an entry go with its connection.
func (s *shard) resume(e *entry) {
	s.watcher.remove(int32(e.conn.fd))
	stream, conn := e.stream, e.conn
	s.lot.Run(s.leave(e), stream, conn)
}

// gone lets an entry go for good.
func (s *shard) gone(e *entry, why Reason) {
	if e.guest == nil {
		return
	}
	stream, conn := e.stream, e.conn
	s.lot.Abandon(s.leave(e), stream, conn, why)
}

func (s *shard) leave(e *entry) Guest {
	g := e.guest
	delete(s.entries, int32(e.conn.fd))
	s.lot.kept.Add(-e.kept)
	if e.group != nil {
		s.part(e)
	}
	e.guest, e.stream, e.conn, e.group = nil, nil, nil, nil // the wheel may hold the entry for a while
	s.lot.parked.Add(-1)
	return g
}
