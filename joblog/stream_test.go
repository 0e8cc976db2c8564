package joblog

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// world is a table whose rows become visible in another order than that of
// their ids, and the tail of one node.
type world struct {
	r       *rand.Rand
	mu      sync.Mutex // guards rows and luck against pages that are read ahead
	luck    *rand.Rand // whether reads fail
	rows    []Event    // visible
	hidden  []int64    // ids given out and not yet visible
	next    int64
	at      Cursor // the tail's position
	news    []Event
	em      *Emitter
	fails   bool
	jobs    []string
	last    bool   // the next tick overlooks nothing
	long    bool   // pages are longer than what is sent at a time
	between func() // is called when the position is known and the frames are not
	sheets  []*Sheet
	bursts  Bursts
}

// sharing is a world whose viewers read together.
type sharing struct{ *world }

func (w *world) draw(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.luck.IntN(n)
}

// Sheet is one that is there, if one fits; else it is read, or one is extended.
func (w sharing) Sheet(ctx context.Context, job string, after, upTo int64) (*Sheet, error) {
	for i, s := range w.sheets {
		if s.After <= after && after < s.Through && w.draw(8) > 0 {
			return s, nil
		}
		if s.Through == after && !s.More && w.draw(2) > 0 {
			p, err := w.Read(ctx, Query{Job: job, After: Cursor{N: after}, UpTo: Cursor{N: upTo}})
			if err == nil {
				w.sheets[i] = s.Extended(upTo, p)
			}
			return w.sheets[i], err
		}
	}
	p, err := w.Read(ctx, Query{Job: job, After: Cursor{N: after}, UpTo: Cursor{N: upTo}})
	if err != nil {
		return nil, err
	}
	s := NewSheet(after, upTo, p)
	w.sheets = append(w.sheets, s)
	return s, nil
}

const pageRows = 3

// Read is a store's, with small pages.
func (w *world) Read(_ context.Context, q Query) (page Page, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fails && w.luck.IntN(4) == 0 {
		return page, errors.New("the store does not answer")
	}
	var all []Event
	for _, e := range w.rows {
		if e.Job == q.Job && q.UpTo.Covers(e.ID) && !q.After.Covers(e.ID) {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b Event) int { return int(a.ID - b.ID) })
	limit := min(q.Limit, pageRows)
	if q.Limit == 0 {
		limit = pageRows
	}
	if q.Last {
		slices.Reverse(all)
	}
	w.look(&page, all, limit, q.Rank)
	if q.Last {
		slices.Reverse(page.Events)
	}
	return page, nil
}

// look makes a page of rows. It looks at some of them only, and may leave out
// those that are not wanted.
func (w *world) look(page *Page, all []Event, limit int, rank Rank) {
	most := 1 + w.luck.IntN(3*pageRows)
	for _, e := range all {
		if page.More = len(page.Events) == limit || most == 0; page.More {
			return
		}
		most--
		if page.Passed = e.ID; rankOf(e.Severity) >= rank || w.luck.IntN(4) == 0 {
			page.Events, page.Passed = append(page.Events, e), 0
		}
	}
}

func (w *world) Position() Cursor { return w.at }

// write gives out an id, which becomes visible now, later, or never.
func (w *world) write() {
	w.next++
	if w.r.IntN(3) > 0 {
		w.show(w.next)
	} else {
		w.hidden = append(w.hidden, w.next)
	}
}

func (w *world) show(id int64) {
	e := Event{ID: id, Job: w.jobs[w.r.IntN(len(w.jobs))], Message: fmt.Sprint(id), Severity: []string{"info", "error"}[w.r.IntN(2)], Time: 1}
	if w.long && id%3 == 0 {
		e.Message = strings.Repeat("x", chunk)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rows, w.news = append(w.rows, e), append(w.news, e)
}

// commit makes one of the hidden ids visible, or drops it.
func (w *world) commit() {
	if len(w.hidden) == 0 {
		return
	}
	i := w.r.IntN(len(w.hidden))
	id := w.hidden[i]
	w.hidden = slices.Delete(w.hidden, i, i+1)
	if w.r.IntN(4) > 0 {
		w.show(id)
	}
}

// tick moves the tail, as a poller does: the position first, then the frames.
// It may not notice yet that a row in a hole has become visible.
func (w *world) tick() {
	pos := Cursor{N: w.at.N}
	var late []Event
	w.news = slices.DeleteFunc(w.news, func(e Event) bool {
		overlooked := !w.last && e.ID <= w.at.N && w.r.IntN(3) > 0
		if overlooked {
			late = append(late, e)
		}
		return overlooked
	})
	for _, e := range w.rows {
		pos.N = max(pos.N, e.ID)
	}
	for id := int64(1); id <= pos.N; id++ {
		if !slices.ContainsFunc(w.rows, func(e Event) bool { return e.ID == id }) &&
			(slices.Contains(w.hidden, id) || id > w.at.N) {
			pos.Holes = pos.Holes.Add(id)
		}
	}
	for _, e := range late {
		pos.Holes = pos.Holes.Add(e.ID)
	}
	var mine []Event
	for _, e := range w.news {
		if e.Job == "a" {
			mine = append(mine, e)
		}
	}
	slices.SortFunc(mine, func(a, b Event) int { return int(a.ID - b.ID) })
	w.news = late
	w.at = pos
	if w.between != nil {
		w.between()
	}
	if len(mine) > 0 {
		w.em.Append(pos, time.Time{}, mine)
	}
}

// TestStreams lets viewers join, stall, fall off the ring, be cut and resume on
// another node while rows become visible in any order: each gets each row of
// its job once, and the end. Where cursors would be too long for that, some come
// twice, and still none is lost.
func TestStreams(t *testing.T) {
	defer func(most int) { maxSentCursor = most }(maxSentCursor)
	exact := maxSentCursor
	for seed := range uint64(1300) {
		maxSentCursor = exact
		if seed >= 1000 {
			maxSentCursor = 2 + int(seed%16)
		}
		r := rand.New(rand.NewPCG(seed, 7))
		w := &world{r: r, luck: rand.New(rand.NewPCG(seed, 8)), jobs: []string{"a", "b", "a", "c"}[:1+r.IntN(4)], fails: seed%3 == 0, long: seed%25 == 0}
		newNode := func() {
			w.em, w.sheets = NewEmitter("a"), nil
			w.tick()
			// Of some rows that the other node had it knows only that it lacks them.
			for _, e := range w.rows[max(0, len(w.rows)-r.IntN(16)):] {
				if w.at.Covers(e.ID) && r.IntN(2) == 0 {
					w.at.Holes = w.at.Holes.Add(e.ID)
					w.news = append(w.news, e)
				}
			}
			w.em.Open(w.at)
		}
		w.em = NewEmitter("a")
		w.em.Open(Cursor{})
		newNode()
		clients := []*client{{}, {shares: true}, {shares: true, rank: RankError}, {shares: true}, {rank: RankError}}
		w.between = func() {
			if c := clients[r.IntN(len(clients))]; c.stream == nil && r.IntN(2) == 0 {
				c.connect(t, w)
			}
		}
		for range 200 {
			switch r.IntN(12) {
			case 0, 1, 2, 3:
				w.write()
			case 4, 5:
				w.commit()
			case 6, 7, 8:
				w.tick()
			case 9:
				w.em.Trim(r.IntN(w.em.Size() + 1))
			case 10:
				if r.IntN(2) == 0 { // all viewers move to another node
					newNode()
					for _, c := range clients {
						c.stop()
					}
				}
			case 11:
				w.bursts.Reset()
				for _, c := range clients {
					if c.stream == nil {
						w.tick() // an attach waits for one
					}
					if c.stream == nil {
						c.connect(t, w)
					} else if cut := r.IntN(5) == 0; c.pull(t, w, cut) == Ended || cut {
						c.stop()
					}
				}
			}
		}
		for len(w.hidden) > 0 {
			w.commit()
		}
		w.last = true
		w.tick()
		w.tick()
		w.em.Complete("completed", w.at)
		var want, errorsOnly []int64
		for _, e := range w.rows {
			if e.Job == "a" {
				want = append(want, e.ID)
				if e.Severity == "error" {
					errorsOnly = append(errorsOnly, e.ID)
				}
			}
		}
		w.bursts.Reset()
		for i, c := range clients {
			if c.stream == nil {
				c.connect(t, w)
			}
			for c.pull(t, w, false) != Ended {
			}
			rows := want
			if c.rank > 0 {
				rows = errorsOnly
			}
			slices.Sort(rows)
			slices.Sort(c.seen)
			if maxSentCursor < exact {
				c.seen = slices.Compact(c.seen)
			}
			if !slices.Equal(c.seen, rows) || c.ends != 1 || c.told > 1 {
				t.Fatalf("seed %d, viewer %d: %d ends, told %d times\ngot  %v\nwant %v", seed, i, c.ends, c.told, c.seen, rows)
			}
			c.connect(t, w)
			for c.pull(t, w, false) != Ended {
			}
			if maxSentCursor == exact && (!c.stream.Knew() || c.ends != 1) {
				t.Fatalf("seed %d, viewer %d: a reconnect past the end brings %d rows and %d ends", seed, i, c.stream.Rows(), c.ends-1)
			}
			c.stop()
		}
	}
}

// TestEmitterRewind ends a stream whose store went back in time.
func TestEmitterRewind(t *testing.T) {
	w := &world{r: rand.New(rand.NewPCG(1, 1)), jobs: []string{"a"}, em: NewEmitter("a")}
	w.em.Open(Cursor{})
	s := NewStream(w, w.em, Options{Tail: -1})
	wake := w.em.Wait(0)
	w.em.Rewind()
	<-wake
	if _, state, err := s.Pull(t.Context(), nil); state != Rewound || err != nil {
		t.Errorf("state %d, %v", state, err)
	}
}
