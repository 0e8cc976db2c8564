package sqlite

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// everything is a cursor that covers all rows.
var everything = joblog.Cursor{N: 1 << 62}

// TestKilled kills a process that appends, again and again, while another
// follows: what was answered is there, once, and a retry finds it.
func TestKilled(t *testing.T) {
	const rounds, answers = 6, 12
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := opened(t, path)
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first := 0
	answered := map[int]bool{}
	var tailed []string
	for round := range rounds {
		p := start(t, fmt.Sprint("append ", first), path)
		var lines []string
		for range answers + round {
			lines = append(lines, p.line(t))
			tailed = append(tailed, next(t, tail)...)
		}
		for _, line := range append(lines, p.kill(t)...) {
			n, err := strconv.Atoi(line)
			if err != nil || answered[n] {
				t.Fatalf("the child says %q: %v", line, err)
			}
			answered[n] = true
			// Each writer may have been stopped in the batch after its last answer.
			first = max(first, n+childWriters+1)
		}
	}
	have := messagesOf(t, s, "job")
	retryAll(t, s, have, answered, first+childWriters)
	tailed = append(tailed, next(t, tail)...)
	if got := messagesOf(t, s, "job"); !slices.Equal(tailed, got) {
		t.Errorf("the tail had %d rows, the table %d, or others", len(tailed), len(got))
	}
}

// retryAll sends all batches up to n again. Those answered, and those stored
// although nobody was told, must not be stored a second time.
func retryAll(t *testing.T, s *Store, have []string, answered map[int]bool, n int) {
	t.Helper()
	before := map[string]int{}
	for _, m := range have {
		before[m]++
	}
	for i := range n {
		b := numbered(i)
		last, err := s.Newest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		ids, err := s.Append(t.Context(), b)
		if err != nil {
			t.Fatalf("retrying batch %d: %v", i, err)
		}
		stored := ids[0] <= last
		if answered[i] && !stored {
			t.Errorf("batch %d was answered and lost", i)
		}
		for _, e := range b.Events {
			if want := map[bool]int{true: 1}[stored]; before[e.Message] != want {
				t.Errorf("%.20s was there %d times, want %d", e.Message, before[e.Message], want)
			}
		}
		again, err := s.Append(t.Context(), b)
		if err != nil || !slices.Equal(ids, again) {
			t.Errorf("batch %d has ids %v, and then %v: %v", i, ids, again, err)
		}
	}
	after := messagesOf(t, s, "job")
	slices.Sort(after)
	if distinct := slices.Compact(slices.Clone(after)); len(distinct) != len(after) {
		t.Errorf("%d rows of %d came twice", len(after)-len(distinct), len(after))
	}
}

// messagesOf is a job's log.
func messagesOf(t testing.TB, s *Store, job string) (all []string) {
	t.Helper()
	q := joblog.Query{Job: job, UpTo: everything}
	for more := true; more; {
		page, err := s.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Events {
			all, q.After.N = append(all, e.Message), e.ID
		}
		more = page.More
	}
	return all
}

// next is what is new in "job".
func next(t testing.TB, tail joblog.Tail) (all []string) {
	t.Helper()
	for more := true; more; {
		tick, err := tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range tick.Events {
			all = append(all, e.Message)
		}
		more = tick.More
	}
	return all
}

// TestHotJournal has an application die after SQLite began to write its
// transaction into the database: the next to read must undo that first.
func TestHotJournal(t *testing.T) {
	for mode, schema := range map[string]string{
		"WAL":              appSchema,
		"rollback journal": strings.Replace(appSchema, "= WAL", "= DELETE", 1),
	} {
		t.Run(mode, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			a := newApp(t, path, schema)
			a.setJob(t, "job", "running")
			var want []string
			for i := range 200 {
				want = append(want, fmt.Sprint(i, strings.Repeat(" text", 200)))
				a.insert(t, "job", joblog.Event{Message: want[i]})
			}
			before := opened(t, path)
			tail, err := before.Tail(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			spill(t, path, mode != "WAL")
			if got := messagesOf(t, before, "job"); !slices.Equal(got, want) {
				t.Errorf("got %d rows, want %d, or others", len(got), len(want))
			}
			spill(t, path, mode != "WAL")
			appendN(t, before, "job", 1)
			if got := next(t, tail); len(got) != 1 {
				t.Errorf("the tail got %q", got)
			}
			spill(t, path, mode != "WAL")
			if got := messagesOf(t, opened(t, path), "job"); len(got) != len(want)+1 {
				t.Errorf("got %d rows after a restart, want %d", len(got), len(want)+1)
			}
		})
	}
}

// spill kills an application in mid-transaction.
func spill(t *testing.T, path string, journal bool) {
	t.Helper()
	p := start(t, "spill", path)
	p.line(t)
	p.kill(t)
	if _, err := os.Stat(path + "-journal"); (err == nil) != journal {
		t.Fatalf("the rollback journal: %v", err)
	}
}
