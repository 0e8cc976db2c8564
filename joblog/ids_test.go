package joblog

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

// table is a log of which all is visible, and the tail of a store that has settled
// but for pos's holes.
type table struct {
	rows []Event
	pos  Cursor
	page int
}

func (s *table) Position() Cursor { return s.pos }

func (s *table) Read(_ context.Context, q Query) (page Page, err error) {
	for _, e := range s.rows {
		if !q.UpTo.Covers(e.ID) || q.After.Covers(e.ID) {
			continue
		}
		if page.More = len(page.Events) == s.page; page.More {
			break
		}
		page.Events = append(page.Events, e)
	}
	return page, nil
}

// perforated is a table of 2n rows, and what a viewer has who lacks each second
// one.
func perforated(n int64) (*table, Cursor) {
	s, c := &table{pos: Cursor{N: 2 * n}, page: PageRows}, Cursor{N: 2 * n}
	for id := int64(1); id <= 2*n; id++ {
		s.rows = append(s.rows, Event{ID: id, Job: "a", Message: "some words of a row", Severity: "info", Time: 1234567890})
		if id%2 == 0 {
			c.Holes = append(c.Holes, Range{id, id})
		}
	}
	return s, c
}

// replayed is all that a stream sends until there is nothing more.
func replayed(t *testing.T, s *Stream) string {
	t.Helper()
	var all []byte
	for state := More; state == More; {
		b, next, err := s.Pull(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		all, state = append(all, b...), next
	}
	return string(all)
}

// TestLongIDs resumes with a cursor of many holes: beyond the long ids that it may
// have, a row that fills one takes not much more than it does in a cursor of one
// hole, in bytes and in memory to make it.
func TestLongIDs(t *testing.T) {
	measure := func(n uint64, c Cursor, src *table) (size, allocated uint64) {
		em := NewEmitter("a")
		em.Open(src.pos)
		var before, then runtime.MemStats
		runtime.ReadMemStats(&before)
		s := NewStream(src, em, Options{After: c, Tail: -1})
		defer s.Close()
		size = uint64(len(replayed(t, s)))
		runtime.ReadMemStats(&then)
		if s.Rows() != int64(n) {
			t.Fatalf("%d rows, want %d", s.Rows(), n)
		}
		return size, then.TotalAlloc - before.TotalAlloc
	}
	const n = 20_000
	src, c := perforated(n)
	c.Holes = append(Ranges{{1, 2*n - 2000}}, c.Holes[n-999:]...)
	few, fewAllocated := measure(2*n-1001, Cursor{N: 2 * n, Holes: Ranges{{1, 2*n - 1001}}}, src)
	many, manyAllocated := measure(2*n-1001, c, src)
	t.Logf("the rows take %d and %d bytes, and %d and %d are allocated for them", few, many, fewAllocated, manyAllocated)
	const each = 50 // times its length, that is allocated for an id
	if many > 2*few+longIDs || manyAllocated > 2*fewAllocated+each*longIDs {
		t.Errorf("rows that fill holes take %d bytes, not %d, and %d allocated, not %d", many, few, manyAllocated, fewAllocated)
	}
}

// TestLongIDsCut cuts such a stream anywhere.
func TestLongIDsCut(t *testing.T) {
	src, came := perforated(300)
	for cut := 0; cut < 60_000; cut += 977 {
		em := NewEmitter("a")
		em.Open(src.pos)
		s := NewStream(src, em, Options{After: came, Tail: -1})
		all := replayed(t, s)
		s.Close()
		whole := strings.Split(all[:min(cut, len(all))], "\n\n")
		has, since := came, 0
		var got []int64
		for _, frame := range whole[:len(whole)-1] {
			for line := range strings.Lines(frame + "\n") {
				if id, ok := strings.CutPrefix(line, "id: "); ok {
					has, since = parsed(t, strings.TrimSpace(id)), 0
				}
				var id int64
				if n, _ := fmt.Sscanf(line, `data: {"log":{"event_id":%d,`, &id); n == 1 {
					got = append(got, id)
					since += len(frame)
				}
			}
		}
		if since > 8192 {
			t.Fatalf("cut after %d bytes, %d come again", cut, since)
		}
		for _, id := range []int64{1, 2, 100, 200, 300, 400, 500, 600} {
			if has.Covers(id) && !came.Covers(id) && !slices.Contains(got, id) {
				t.Fatalf("cut after %d bytes, the id says that row %d came", cut, id)
			}
		}
		if cut > len(all) && !has.equal(src.pos) {
			t.Fatalf("at the end the viewer has %s", has)
		}
	}
}

func parsed(t *testing.T, id string) Cursor {
	t.Helper()
	c, _, err := ParseID(id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestLongIDsLive has rows come live beside many holes: when there is nothing more
// for now, the viewer has an id for all that came, whatever passes its filter, and
// whether it shares with others.
func TestLongIDsLive(t *testing.T) {
	_, holes := perforated(500)
	for _, shared := range []bool{false, true} {
		for _, rank := range []Rank{RankTrace, RankError} {
			src := &table{pos: holes, page: PageRows}
			em := NewEmitter("a")
			em.Open(src.pos)
			s := NewStream(src, em, Options{Tail: -1, Rank: rank})
			replayed(t, s)
			for round := range 20 {
				var rows []Event
				for i := range 30 {
					src.pos.N += 2
					src.pos.Holes = append(slices.Clone(src.pos.Holes), Range{src.pos.N - 1, src.pos.N - 1})
					rows = append(rows, Event{ID: src.pos.N, Job: "a", Severity: []string{"info", "info", "error"}[i%3]})
				}
				em.Append(src.pos, time.Time{}, rows)
				var got string
				for shared {
					b, ok := s.Shared(new(Bursts))
					if !ok || b == nil {
						break
					}
					got += string(b.Body())
				}
				if got == "" {
					got = replayed(t, s)
				}
				last := got[strings.LastIndex(got, "id: ")+4:]
				id, _, _ := strings.Cut(last, "\n")
				for _, e := range rows {
					if rankOf(e.Severity) >= rank && !parsed(t, id).Covers(e.ID) {
						t.Fatalf("round %d: the last id, %s, is without row %d", round, id, e.ID)
					}
				}
			}
			s.Close()
		}
	}
}
