package postgres

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestPages reads logs of small and of large rows, from either end. Each page is
// within the bounds, and whatever the page before was, none is empty.
func TestPages(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		s := opened(t, a.dsn)
		for name, size := range map[string]func(i int) int{
			"small":       func(int) int { return 20 },
			"middling":    func(int) int { return smallRow - 10 },
			"large":       func(int) int { return 30_000 },
			"one large":   func(i int) int { return 20 + i/700%2*i%700/699*(2<<20) },
			"large first": func(i int) int { return 20 + max(0, 1-i)*(3<<19) },
		} {
			sizes := make([]int, 1500)
			for i := range sizes {
				sizes[i] = size(i)
			}
			a.setJob(t, name, "running")
			a.exec(t, `INSERT INTO vibe_events (task_id, event_message) SELECT $1, repeat('x', n) FROM unnest($2::int[]) WITH ORDINALITY u(n, o) ORDER BY o`, name, sizes)
			for _, last := range []bool{false, true} {
				t.Run(fmt.Sprint(name, last), func(t *testing.T) { checkPages(t, s, name, last, size) })
			}
		}
	})
}

func checkPages(t *testing.T, s *Store, job string, last bool, size func(int) int) {
	seen := 0
	q := joblog.Query{Job: job, UpTo: joblog.Cursor{N: 1 << 40}, Last: last}
	for more := true; more; {
		page, err := s.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		bytes := 0
		for i := range page.Events {
			at := seen + i
			if last {
				at = 1500 - seen - len(page.Events) + i
			}
			if want := min(size(at), 1<<20); len(page.Events[i].Message) != want || strings.Trim(page.Events[i].Message, "x") != "" {
				t.Fatalf("row %d has %d bytes, want %d", at, len(page.Events[i].Message), want)
			}
			bytes += page.Events[i].Size()
		}
		if n := len(page.Events); n == 0 || n > 1 && bytes > joblog.PageBytes {
			t.Fatalf("a page has %d rows of %d bytes", n, bytes)
		}
		seen += len(page.Events)
		if more = page.More; last {
			q.UpTo.N = page.Events[0].ID - 1
		} else {
			q.After.N = page.Events[len(page.Events)-1].ID
		}
	}
	if seen != 1500 {
		t.Errorf("%d rows, want 1500", seen)
	}
}
