package joblog

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// sparse is a store of 100 rows, of which each page looks at ten. Only one passes
// the filter.
type sparse struct {
	match   int64
	queries []Query
}

func (s *sparse) Position() Cursor { return Cursor{N: 100} }

func (s *sparse) Read(_ context.Context, q Query) (page Page, err error) {
	s.queries = append(s.queries, q)
	from, to := q.After.N+1, min(q.After.N+10, q.UpTo.N)
	if page.Passed = to; q.Last {
		from, to = max(q.UpTo.N-9, 1), q.UpTo.N
		page.Passed = from
	}
	if from <= s.match && s.match <= to {
		page.Events = []Event{{ID: s.match, Job: "a", Severity: "error"}}
	}
	page.More = to < q.UpTo.N && !q.Last || from > 1 && q.Last
	return page, nil
}

// TestPassed replays logs of which pages are empty and yet not the last.
func TestPassed(t *testing.T) {
	for _, c := range []struct {
		name  string
		match int64
		tail  int
		asked int
	}{
		{"forwards", 95, -1, 10},
		{"none", 101, -1, 10},
		{"from the end", 5, 1, 10 + 10},
		{"near the end", 95, 1, 1 + 1},
		{"none, from the end", 101, 1, 10 + 1},
		{"fewer than wanted", 95, 2, 10 + 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			em := NewEmitter("a")
			em.Open(Cursor{N: 100})
			src := &sparse{match: c.match}
			s := NewStream(src, em, Options{Tail: c.tail, Rank: RankError})
			defer s.Close()
			for state := More; state != Idle; {
				var err error
				if _, state, err = s.Pull(t.Context(), nil); err != nil {
					t.Fatal(err)
				}
			}
			if want := min(1, max(0, 101-c.match)); s.Rows() != want || len(src.queries) != c.asked {
				t.Errorf("%d rows by %d pages, want %d by %d: %+v", s.Rows(), len(src.queries), want, c.asked, src.queries)
			}
			if slices.ContainsFunc(src.queries, func(q Query) bool { return q.Rank != RankError }) {
				t.Errorf("the store is not told the rank: %+v", src.queries)
			}
		})
	}
}

// TestPassedIDs is cut in a replay that has nothing to send: who comes again goes
// on where it was.
func TestPassedIDs(t *testing.T) {
	for _, format := range []Format{SSE, Text} {
		em := NewEmitter("a")
		em.Open(Cursor{N: 100})
		s := NewStream(&sparse{match: 95}, em, Options{Tail: -1, Rank: RankError, Format: format})
		for page := range 5 {
			b, state, err := s.Pull(t.Context(), nil)
			want := fmt.Sprintf("id: %d\n\n", 10*(page+1))
			if format == Text {
				want = ""
			}
			if string(b) != want || state != More || err != nil {
				t.Errorf("page %d: %q, %d, %v, want %q", page, b, state, err, want)
			}
		}
		s.Close()
	}
}

// endless is a log of which nothing is wanted.
type endless struct{ reads int }

func (e *endless) Position() Cursor { return Cursor{N: 1 << 40} }

func (e *endless) Read(_ context.Context, q Query) (Page, error) {
	if e.reads++; !q.Last {
		return Page{}, nil
	}
	return Page{More: true, Passed: q.UpTo.N - PassedRows + 1}, nil
}

// TestTailPassed looks for the newest rows that pass, and gives up.
func TestTailPassed(t *testing.T) {
	em, src := NewEmitter("a"), new(endless)
	em.Open(src.Position())
	s := NewStream(src, em, Options{Tail: 1, Rank: RankError})
	defer s.Close()
	b := replayed(t, s)
	if most := TailPassed/PassedRows + 1; src.reads != most || !strings.HasSuffix(b, "id: 1099511627776\ndata: {}\n\n") {
		t.Errorf("%d reads, want %d, and at last %q", src.reads, most, b)
	}
}

// TestPassedSheet extends a sheet by pages that are empty and yet not the last.
func TestPassedSheet(t *testing.T) {
	s := NewSheet(0, 100, Page{More: true, Passed: 10})
	if s.Through != 10 || !s.More {
		t.Errorf("it goes to %d, more %t", s.Through, s.More)
	}
	s = s.Extended(100, Page{More: true, Passed: 20, Events: []Event{{ID: 15, Job: "a"}}})
	if s.Through != 20 || !s.More {
		t.Errorf("then it goes to %d, more %t", s.Through, s.More)
	}
	if s = s.Extended(100, Page{}); s.Through != 100 || s.More {
		t.Errorf("at last it goes to %d, more %t", s.Through, s.More)
	}
}

// TestToldPassed has viewers who were told the end, and for whom nothing came
// after it: that rows were passed over makes no difference, and their ids go on to
// say that they were told.
func TestToldPassed(t *testing.T) {
	for _, c := range []struct {
		match int64
		state string
		knew  bool
	}{{101, "completed", true}, {55, "completed", false}, {101, "failed", false}} {
		em := NewEmitter("a")
		em.Open(Cursor{N: 100})
		em.Complete(c.state, Cursor{N: 100})
		s := NewStream(&sparse{match: c.match}, em, Options{Tail: -1, Rank: RankError, After: Cursor{N: 5}, Told: MarkOf("completed")})
		defer s.Close()
		var b []byte
		for state := More; state != Ended; {
			var err error
			if b, state, err = s.Pull(t.Context(), b); err != nil {
				t.Fatal(err)
			}
		}
		if s.Knew() != c.knew || strings.Contains(string(b), "complete") == c.knew {
			t.Errorf("%+v: knew %t, got %q", c, s.Knew(), b)
		}
		if first, _, _ := strings.Cut(string(b), "\n"); first != "id: 15_"+string(MarkOf("completed").Append(nil)[1:]) {
			t.Errorf("%+v: the first id is %q", c, first)
		}
	}
}

// riddled is a log of one row whose position has many holes, and whose pages look
// through few of the ranges between them.
type riddled struct {
	position Cursor
	row      int64
	reads    int
}

func (h *riddled) Position() Cursor { return h.position }

func (h *riddled) Read(_ context.Context, q Query) (page Page, err error) {
	const ranges = 4
	h.reads++
	from, looked := int64(0), 0
	for id := int64(1); id <= q.UpTo.N; id++ {
		if q.After.Covers(id) || !q.UpTo.Covers(id) {
			from = 0
			continue
		}
		if from == 0 {
			if from = id; looked == ranges {
				page.More = true
				return page, nil
			}
			looked++
		}
		if page.Passed = id; id == h.row {
			page.Events = append(page.Events, Event{ID: id, Job: "a"})
		}
	}
	page.Passed = 0
	return page, nil
}

// TestPassedHoles goes on where a page ended that found nothing, though no row
// keeps the holes about it apart.
func TestPassedHoles(t *testing.T) {
	var position Cursor
	for id := int64(10); id < 1000; id += 10 {
		position.Holes = append(position.Holes, Range{id, id + 4})
	}
	position.N = 1000
	for name, after := range map[string]Cursor{
		"new": {}, "with a hole": {N: 990, Holes: Ranges{{15, 900}}}, "with the same": position.Clip(500),
	} {
		em, src := NewEmitter("a"), &riddled{position: position, row: 899}
		em.Open(position)
		s := NewStream(src, em, Options{Tail: -1, After: after})
		defer s.Close()
		for state := More; state != Idle; {
			if _, state, _ = s.Pull(t.Context(), nil); src.reads > 100 {
				t.Fatalf("%s: it does not go on from %v", name, s.trail.at)
			}
		}
		if s.Rows() != 1 {
			t.Errorf("%s: %d rows", name, s.Rows())
		}
	}
}

// woven is a store of which every other id is yet to be seen, and of which each
// page looks at ten of the others. Few rows are of the job.
type woven struct {
	rows  []int64
	reads int
}

func (s *woven) Position() Cursor {
	c := Cursor{N: 1001}
	for id := int64(2); id < c.N; id += 2 {
		c.Holes = c.Holes.Add(id)
	}
	return c
}

func (s *woven) Read(_ context.Context, q Query) (page Page, err error) {
	s.reads++
	looked := 0
	for id := int64(1); id <= q.UpTo.N; id++ {
		if q.After.Covers(id) || !q.UpTo.Covers(id) {
			continue
		}
		if looked == 10 {
			page.More = true
			return page, nil
		}
		if looked++; slices.Contains(s.rows, id) {
			page.Events = append(page.Events, Event{ID: id, Job: "a"})
		}
		page.Passed = id
	}
	page.Passed = 0
	return page, nil
}

// TestPassedWoven replays a log beside many holes, by pages that end between them:
// each is looked through once, though the ids of the rows between have fewer holes.
func TestPassedWoven(t *testing.T) {
	for _, rows := range [][]int64{nil, {1}, {999}, {1, 501, 1001}} {
		for _, after := range []Cursor{{}, {N: 700, Holes: Ranges{{2, 650}}}} {
			em, src := NewEmitter("a"), &woven{rows: rows}
			em.Open(src.Position())
			s := NewStream(src, em, Options{Tail: -1, After: after})
			defer s.Close()
			var b []byte
			for state := More; state != Idle && src.reads < 1000; {
				var err error
				if b, state, err = s.Pull(t.Context(), b); err != nil {
					t.Fatal(err)
				}
			}
			wanted := 0
			for _, id := range rows {
				if !after.Covers(id) {
					wanted++
				}
			}
			if n := strings.Count(string(b), `"event_id"`); n != wanted || src.reads > 52 {
				t.Errorf("rows %v after %s: %d came, want %d, by %d reads", rows, after, n, wanted, src.reads)
			}
		}
	}
}
