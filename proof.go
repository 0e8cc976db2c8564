package caddyjobs

import (
	"hash/fnv"
	"io"
	"slices"
	"sync"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// proof is rows that were seen in a job's log. While one of them is there, the
// log is the one that it was: an application may delete old rows, and mend the
// text of one, but it does not give their ids to others.
//
// What counts is rows that were seen before the store was last asked for the job.
// Those seen since may be of another job already, which has the id by now. If
// there are no others, the first of them count: nothing was sent before them.
type proof struct {
	mu    sync.Mutex
	old   []mark // seen before the last answer was asked for
	since []mark // the first and the last ones seen since
	first int    // how many of them were seen first, at once
}

// mark is a row as it was seen.
type mark struct {
	row   joblog.Row
	time  int64
	text  uint64 // a digest of the message
	whole bool   // it has the text
	asked int64  // the last question when it was seen
}

// Bounds of what is remembered of a log.
const (
	mostMarks = 4
	markText  = 256 // bytes of a message that count
)

// markOf is a row as it is seen.
func markOf(e *joblog.Event, asked int64) mark {
	h := fnv.New64a()
	_, _ = io.WriteString(h, e.Message[:min(markText, len(e.Message))]) // it cannot fail
	return mark{joblog.Row{Job: e.Job, ID: e.ID}, e.Time, h.Sum64(), !e.Truncated, asked}
}

// holds reports whether the row that has the mark's id is the one that was seen, or
// may be, as it cannot be read.
func (m mark) holds(e joblog.Event) bool {
	if e.Unreadable {
		return true
	}
	now := markOf(&e, 0)
	return m.time == now.time && (m.text == now.text || !m.whole || !now.whole)
}

// note takes the first and the last of the rows of a page or a tick, after the
// question asked. Of many that come the first one stays.
func (p *proof) note(events []joblog.Event, asked int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	first := len(p.since) == 0
	for i := range events {
		if e := &events[i]; (i == 0 || i == len(events)-1) && !e.Unreadable {
			p.since = append(p.since, markOf(e, asked))
		}
	}
	if first {
		p.first = len(p.since)
	}
	if over := len(p.since) - mostMarks; over > 0 {
		p.since = slices.Delete(p.since, p.first, p.first+over)
	}
}

// marks are those by which the log is known at a question, and the others.
func (p *proof) marks(question int64) (known, others []mark) {
	p.mu.Lock()
	defer p.mu.Unlock()
	since := slices.Clone(p.since)
	switch {
	case len(p.old) > 0:
		return p.old, since
	case len(since) > 0 && since[0].asked < question:
		return since[:p.first], since[p.first:]
	default:
		return nil, nil
	}
}

// seal says that the log is the one that it was, as of a question, whatever was
// deleted of it: if anew, what counted is gone.
func (p *proof) seal(question int64, anew bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if anew {
		p.old = nil
	}
	n := 0
	for n < len(p.since) && p.since[n].asked < question {
		n++
	}
	old := append(p.old[:len(p.old):len(p.old)], p.since[:n]...) // others may have what was
	p.old = old[max(0, len(old)-mostMarks):]
	p.since, p.first = slices.Clone(p.since[n:]), min(1, len(p.since)-n)
}
