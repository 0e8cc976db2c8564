package joblog

import (
	"context"
	"slices"
	"strings"
	"testing"
)

// ranged is a table of which a page looks through few ranges of ids.
type ranged struct{ table }

func (s *ranged) Read(_ context.Context, q Query) (page Page, err error) {
	if !q.Last {
		return s.table.Read(context.Background(), q)
	}
	const most = 4
	for id, ranges := q.UpTo.N, 0; id > 0 && len(page.Events) < q.Limit; id-- {
		if !q.UpTo.Covers(id) {
			if ranges++; ranges == most {
				page.More, page.Passed = true, id+1
				break
			}
		}
		if i := slices.IndexFunc(s.rows, func(e Event) bool { return e.ID == id }); i >= 0 && q.UpTo.Covers(id) {
			page.Events = append(page.Events, s.rows[i])
			page.More = len(page.Events) == q.Limit
		}
	}
	slices.Reverse(page.Events)
	return page, nil
}

// TestTailHoles asks for the newest rows of a log that has had none for long, while
// many transactions are under way: the rows are found, and those in holes, which the
// tail will bring, do not count.
func TestTailHoles(t *testing.T) {
	src := &ranged{table{pos: Cursor{N: 1000}, page: PageRows}}
	for id := int64(1); id <= 3; id++ {
		src.rows = append(src.rows, Event{ID: id, Job: "a", Message: "old"})
	}
	for id := int64(10); id <= 1000; id += 10 {
		src.pos.Holes = append(src.pos.Holes, Range{id, id})
	}
	src.rows = append(src.rows, Event{ID: 500, Job: "a", Message: "coming"})
	em := NewEmitter("a")
	em.Open(src.pos)
	s := NewStream(src, em, Options{Tail: 2})
	defer s.Close()
	if got := replayed(t, s); s.Rows() != 2 || strings.Count(got, "old") != 2 {
		t.Errorf("%d rows, want the 2 newest:\n%s", s.Rows(), got)
	}
}
