package parking

import (
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// slice is how many streams are served before others get their turn.
const slice = 256

// group is the streams of one emitter in one shard.
type group struct {
	shard   *shard
	em      *joblog.Emitter
	changed bool      // in the inbox; guarded by the shard's mu
	came    time.Time // since when what changed may have been visible; guarded, too

	entries      []*entry
	bursts       joblog.Bursts
	left         int       // entries below it are yet to be served in the pass under way
	queued       bool      // a pass is under way
	again        bool      // and another one is to follow it
	wrote        bool      // something was, in the pass under way
	since, later time.Time // since when what the pass sends, and the one to follow it, may have been visible
}

// Changed tells the shard that the emitter has more.
func (g *group) Changed(since time.Time) { g.shard.changed(g, since) }

// join puts an entry into its emitter's group.
func (s *shard) join(e *entry) {
	em := e.stream.Emitter()
	g := s.groups[em]
	if g == nil {
		g = &group{shard: s, em: em}
		s.groups[em] = g
		em.Observe(g)
	}
	e.group, e.at = g, len(g.entries)
	g.entries = append(g.entries, e)
	g.bursts.Reset() // there may be more than when they were made
}

// part takes an entry out of its group. The last one takes its place: in a
// pass, which goes downwards, it was served or is served there.
func (s *shard) part(e *entry) {
	g, last := e.group, len(e.group.entries)-1
	g.entries[e.at] = g.entries[last]
	g.entries[e.at].at = e.at
	g.entries[last] = nil
	if g.entries = g.entries[:last]; last == 0 {
		g.em.Ignore(g)
		delete(s.groups, g.em)
	}
}

// queue begins a pass over a group, or has one follow that which is under way.
// What is new may have been visible since the given time.
func (s *shard) queue(g *group, since time.Time) {
	g.bursts.Reset() // those who are yet to be served in a pass get what is new, too
	if g.queued {
		if !g.again {
			g.again, g.later = true, since
		}
		return
	}
	g.queued, g.left, g.since, g.wrote = true, len(g.entries), since, false
	s.passes = append(s.passes, g)
}

// pass serves a slice of each group that has a pass under way.
func (s *shard) pass() {
	if len(s.passes) == 0 {
		return
	}
	s.pacer.begin(s.now)
	under := s.passes
	s.passes = nil
	for _, g := range under {
		if !s.serveSlice(g) {
			s.passes = append(s.passes, g)
			continue
		}
		g.queued = false
		if g.wrote && !g.since.IsZero() {
			s.lot.passed(time.Since(g.since))
		}
		if g.again {
			g.again = false
			s.queue(g, g.later)
		} else {
			g.bursts.Reset() // what all have is not kept
		}
	}
	if len(s.passes) == 0 {
		s.hold(s.pacer.end(time.Now()))
	}
}

// serveSlice serves some of a group's entries, and returns whether all were
// served.
func (s *shard) serveSlice(g *group) bool {
	before := s.pacer.writes
	defer func() { g.wrote = g.wrote || s.pacer.writes > before }()
	for range slice {
		g.left = min(g.left, len(g.entries))
		if g.left == 0 {
			return true
		}
		g.left--
		s.push(g.entries[g.left])
	}
	return g.left == 0
}
