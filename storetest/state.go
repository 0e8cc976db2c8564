package storetest

import (
	"errors"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var stateTests = []test{
	{"known job", stateKnown},
	{"unknown job", stateUnknown},
	{"impossible", stateStrange},
	{"ends a tail", stateTail},
}

func setState(t *testing.T, s joblog.Store, job, state string) error {
	t.Helper()
	return s.(joblog.StateSetter).SetState(deadline(t), job, state)
}

func stateKnown(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "queued")
	f.SetJob(t, "other", "queued")
	// A job may run again after its end: somebody retried it.
	for _, state := range []string{"running", "completed", "running", "it's", "failed"} {
		if err := setState(t, f.Store, "job", state); err != nil {
			t.Fatalf("SetState: %v", err)
		}
		jobs := lookUp(t, f.Store, "job", "other")
		want := joblog.Job{ID: "job", State: state, Terminal: state == "completed" || state == "failed"}
		if withoutVersion(jobs["job"]) != want || jobs["other"].State != "queued" {
			t.Errorf("got %+v, want %+v", jobs, want)
		}
	}
	if got := lookUp(t, f.Reopen(t), "job")["job"].State; got != "failed" {
		t.Errorf("got state %q in another store, want failed", got)
	}
}

// stateUnknown wants SetState to make jobs if and only if it can be looked up
// afterwards.
func stateUnknown(t *testing.T, f Fixture) {
	err := setState(t, f.Store, "new", "running")
	job, known := lookUp(t, f.Store, "new")["new"]
	switch {
	case err == nil && (!known || job.State != "running"):
		t.Errorf("taken, but the job is %+v", job)
	case err != nil && (!errors.Is(err, joblog.ErrUnknownJob) || known):
		t.Errorf("got %v, known %t", err, known)
	}
}

func stateStrange(t *testing.T, f Fixture) {
	for _, id := range []string{"", "a\x00b", "\xff"} {
		err := setState(t, f.Store, id, "running")
		if !errors.Is(err, joblog.ErrInvalid) && !errors.Is(err, joblog.ErrUnknownJob) {
			t.Errorf("job %q: got %v, want an error that says it cannot be", id, err)
		}
	}
	f.SetJob(t, "job", "queued")
	for _, state := range []string{"", "a\x00b", "\xff"} {
		if err := setState(t, f.Store, "job", state); !errors.Is(err, joblog.ErrInvalid) {
			t.Errorf("state %q: got %v, want ErrInvalid", state, err)
		}
	}
}

func stateTail(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	tail := follow(t, f.Store, "job")
	tail.watch.Ask = []string{"job"}
	want := f.Insert(t, "job", messages(3)...)
	if err := setState(t, f.Store, "job", "completed"); err != nil {
		t.Fatalf("SetState: %v", err)
	}
	tail.until("the end", func() bool { return tail.ended["job"] == "completed" })
	tail.expect("job", want)
}

var newestTests = []test{{"highest id", newest}}

func newest(t *testing.T, f Fixture) {
	ask := func(s joblog.Store) int64 {
		t.Helper()
		n, err := s.(joblog.Newester).Newest(deadline(t))
		if err != nil {
			t.Fatalf("Newest: %v", err)
		}
		return n
	}
	start := ask(f.Store)
	f.SetJob(t, "job", "running")
	for range 3 {
		rows := f.Insert(t, "job", messages(2)...)
		if n := ask(f.Store); start >= rows[0] || n < rows[1] {
			t.Errorf("got %d, before %d; the rows inserted between are %v", n, start, rows)
		}
		start = ask(f.Store)
		if n := ask(f.Reopen(t)); n < start {
			t.Errorf("got %d from another store, want %d", n, start)
		}
	}
}
