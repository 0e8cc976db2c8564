package storetest

import (
	"errors"
	"slices"
	"sync"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var removeTests = []test{
	{"a job and its rows", removeJob},
	{"rows a tail has not read", removeUnread},
	{"unknown and impossible jobs", removeUnknown},
	{"among writers", removeRace},
}

// remove removes a job, or reports false where the store may not. Then the job
// and its log must be as they were.
func remove(t *testing.T, s joblog.Store, job string) bool {
	t.Helper()
	before, rows := lookUp(t, s, job), rowsOf(t, s, job)
	err := s.(joblog.Remover).Remove(deadline(t), job)
	if errors.Is(err, joblog.ErrUnsupported) {
		if after := lookUp(t, s, job); after[job] != before[job] || !slices.Equal(rowsOf(t, s, job), rows) {
			t.Errorf("Remove is not supported, but changed something")
		}
		return false
	}
	if err != nil {
		t.Fatalf("Remove: %v", err)
	}
	if jobs := lookUp(t, s, job); len(jobs) != 0 {
		t.Errorf("got %+v after its removal", jobs)
	}
	if rows := rowsOf(t, s, job); len(rows) != 0 {
		t.Errorf("got rows %v after their removal", rows)
	}
	return true
}

// removeJob removes the newest rows of all and makes the job anew: what
// viewers hold of it must never cover other rows.
func removeJob(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	f.SetJob(t, "other", "running")
	tail := follow(t, f.Store, "job", "other")
	others := f.Insert(t, "other", messages(3)...)
	var want []int64
	for range 3 {
		gone := f.Insert(t, "job", messages(3)...)
		want = append(want, gone...)
		tail.expect("job", want)
		newest := newestOf(t, f.Store)
		if !remove(t, f.Store, "job") {
			return
		}
		tail.tick()
		if n := newestOf(t, f.Reopen(t)); n < newest {
			t.Errorf("the newest id went from %d to %d", newest, n)
		}
		f.SetJob(t, "job", "running")
		again := f.Insert(t, "job", messages(2)...)
		if again[0] <= gone[2] {
			t.Fatalf("got ids %v after %v", again, gone)
		}
		want = append(want, again...)
		tail.expect("job", want)
		if got := rowsOf(t, f.Store, "job"); !slices.Equal(got, again) {
			t.Errorf("got rows %v, want %v", got, again)
		}
	}
	tail.expect("other", others)
	if got := rowsOf(t, f.Store, "other"); !slices.Equal(got, others) {
		t.Errorf("got rows %v of another job, want %v", got, others)
	}
}

// newestOf is what Newest says, or 0 where the store is no Newester.
func newestOf(t *testing.T, s joblog.Store) int64 {
	t.Helper()
	n, ok := s.(joblog.Newester)
	if !ok {
		return 0
	}
	id, err := n.Newest(deadline(t))
	if err != nil {
		t.Fatalf("Newest: %v", err)
	}
	return id
}

// removeUnread removes rows before the tail came to them.
func removeUnread(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "completed")
	tail := follow(t, f.Store, "job")
	tail.watch.Ask = []string{"job"}
	gone := f.Insert(t, "job", messages(3)...)
	if !remove(t, f.Store, "job") {
		return
	}
	tail.drain()
	if len(tail.got) != 0 || len(tail.ended) != 0 {
		t.Errorf("got rows %v and ends %v of a job that was removed", tail.got, tail.ended)
	}
	f.SetJob(t, "job", "running")
	again := f.Insert(t, "job", messages(3)...)
	if again[0] <= gone[2] {
		t.Fatalf("got ids %v after %v", again, gone)
	}
	tail.expect("job", again)
}

func removeUnknown(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	rows := f.Insert(t, "job", messages(3)...)
	for _, id := range impossible {
		if !remove(t, f.Store, id) {
			return
		}
	}
	if got := rowsOf(t, f.Store, "job"); !slices.Equal(got, rows) || len(lookUp(t, f.Store, "job")) != 1 {
		t.Errorf("got rows %v of another job, want %v", got, rows)
	}
}

// removeRace removes jobs of which others write and a tail reads: rows of
// others all come, and no id comes twice.
func removeRace(t *testing.T, f Fixture) {
	f.SetJob(t, "other", "running")
	tail := follow(t, f.Store, "job", "other")
	f.SetJob(t, "job", "running")
	if !remove(t, f.Store, "job") {
		return
	}
	const rounds = 30
	var others []int64
	given := map[int64]bool{}
	done := make(chan struct{})
	var writers sync.WaitGroup
	writers.Go(func() {
		for range rounds {
			others = append(others, f.Insert(t, "other", messages(2)...)...)
		}
	})
	writers.Go(func() {
		for range rounds {
			f.SetJob(t, "job", "running")
			for _, id := range f.Insert(t, "job", messages(2)...) {
				if given[id] {
					t.Errorf("id %d was given out again", id)
				}
				given[id] = true
			}
			if err := f.Store.(joblog.Remover).Remove(deadline(t), "job"); err != nil {
				t.Errorf("Remove: %v", err)
			}
		}
	})
	go func() { writers.Wait(); close(done) }()
	tail.until("the writers", func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	tail.expect("other", others)
}
