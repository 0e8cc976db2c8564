package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var appendTests = []test{
	{"what was given", appendStored},
	{"defaults", appendDefaults},
	{"unit of time", appendUnit},
	{"unknown job", appendUnknown},
	{"impossible jobs", appendStrange},
	{"all or nothing", appendWhole},
	{"strange messages", appendMessages},
	{"concurrent", appendConcurrent},
	{"seen by a tail", appendTail},
}

func appender(s joblog.Store) joblog.Appender { return s.(joblog.Appender) }

func appendTo(t testing.TB, s joblog.Store, b joblog.Batch) []int64 {
	t.Helper()
	got, err := appender(s).Append(deadline(t), b)
	if err != nil {
		t.Fatalf("Append: %v", err)
	}
	if len(got) != len(b.Events) {
		t.Fatalf("got %d ids for %d events", len(got), len(b.Events))
	}
	ascending(t, got)
	return got
}

func appendStored(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	batch := joblog.Batch{Job: "job", Events: []joblog.Event{
		{Message: "first", Severity: "info", Time: 1_700_000_000_000},
		{Message: "it's \u2028 \"2\" \U0001f388\r\n", Severity: "error", Time: 1_700_000_001_000},
		{Message: "", Severity: "whatever", Time: 1_700_000_002_000},
	}}
	before := f.Insert(t, "job", messages(1)...)
	got := appendTo(t, f.Store, batch)
	after := f.Insert(t, "job", messages(1)...)
	page := read(t, f.Store, joblog.Query{Job: "job", UpTo: everything})
	if want := slices.Concat(before, got, after); !slices.Equal(ids(page.Events), want) {
		t.Fatalf("got ids %v, want %v", ids(page.Events), want)
	}
	for i, want := range batch.Events {
		e := page.Events[i+1]
		if e.Job != "job" || e.Message != want.Message || e.Severity != want.Severity || e.Millis() != want.Time || e.Truncated {
			t.Errorf("got %+v, want %+v", e, want)
		}
	}
}

func appendDefaults(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	start := time.Now().Truncate(time.Second).UnixMilli()
	appendTo(t, f.Store, joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "text"}}})
	end := time.Now().UnixMilli()
	e := read(t, f.Store, joblog.Query{Job: "job", UpTo: everything}).Events[0]
	if e.Severity != "info" {
		t.Errorf("got severity %q, want info", e.Severity)
	}
	if m := e.Millis(); m < start || m > end {
		t.Errorf("got time %d, want one from %d to %d", m, start, end)
	}
}

// appendUnit has rows in seconds, and then in milliseconds, in the table:
// whichever unit the store then takes, it must read as the same time.
func appendUnit(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	const now = 1_700_000_123_000
	for _, unit := range []int64{1000, 1} {
		f.Insert(t, "job", joblog.Event{Message: "before", Severity: "info", Time: now / unit})
		appendTo(t, f.Store, joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "text", Time: now}}})
		e := read(t, f.Store, joblog.Query{Job: "job", UpTo: everything, Last: true, Limit: 1}).Events[0]
		if e.Millis() != now {
			t.Errorf("got time %d, which reads as %d, want %d", e.Time, e.Millis(), now)
		}
	}
}

// appendUnknown holds for stores that make jobs and for those that do not.
func appendUnknown(t *testing.T, f Fixture) {
	_, err := appender(f.Store).Append(deadline(t), joblog.Batch{Job: "new", Events: messages(2)})
	job, known := lookUp(t, f.Store, "new")["new"]
	rows := len(read(t, f.Store, joblog.Query{Job: "new", UpTo: everything}).Events)
	switch {
	case err == nil && (!known || job.Terminal || rows != 2):
		t.Errorf("taken, but the job is %+v with %d rows", job, rows)
	case err != nil && (!errors.Is(err, joblog.ErrUnknownJob) || known || rows > 0):
		t.Errorf("got %v, known %t, with %d rows", err, known, rows)
	}
}

func appendStrange(t *testing.T, f Fixture) {
	for _, id := range []string{"", "a\x00b", "\xff", "\x00"} {
		_, err := appender(f.Store).Append(deadline(t), joblog.Batch{Job: id, Events: messages(1)})
		if !errors.Is(err, joblog.ErrInvalid) && !errors.Is(err, joblog.ErrUnknownJob) {
			t.Errorf("job %q: got %v, want an error that says it cannot be", id, err)
		}
	}
}

// appendWhole cuts Append off at any point: all rows are there or none.
func appendWhole(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	const n = 500
	have := 0
	for i := range 30 {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*500*time.Microsecond)
		got, err := appender(f.Store).Append(ctx, joblog.Batch{Job: "job", Events: messages(n)})
		cancel()
		all, _ := readAll(t, f.Store, joblog.Query{Job: "job", UpTo: everything})
		more := len(all) - have
		have = len(all)
		if more != 0 && more != n || err == nil && (more != n || !slices.Equal(ids(all[have-n:]), got)) {
			t.Fatalf("got %d rows of a batch of %d; error: %v", more, n, err)
		}
	}
	appendTo(t, f.Store, joblog.Batch{Job: "job", Events: messages(n)})
}

// appendMessages has texts that some databases cannot hold. They are stored in
// some form, or refused for good with all that came with them.
func appendMessages(t *testing.T, f Fixture) {
	for _, text := range []string{"nul \x00 here", "bad \xff utf-8", "\xed\xa0\x80", "\x01\x1b\x7f"} {
		f.SetJob(t, "job", "running")
		before, _ := readAll(t, f.Store, joblog.Query{Job: "job", UpTo: everything})
		_, err := appender(f.Store).Append(deadline(t), joblog.Batch{Job: "job", Events: append(messages(2), joblog.Event{Message: text})})
		after, _ := readAll(t, f.Store, joblog.Query{Job: "job", UpTo: everything})
		switch more := len(after) - len(before); {
		case err == nil && more != 3:
			t.Errorf("%q: taken, but there are %d rows more", text, more)
		case err != nil && (!errors.Is(err, joblog.ErrInvalid) || more != 0):
			t.Errorf("%q: got %v and %d rows more", text, err, more)
		}
	}
}

func appendConcurrent(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	const callers, batches, n = 6, 10, 3
	stores := []joblog.Store{f.Store, f.Reopen(t)}
	got := make([][]int64, callers)
	var wg sync.WaitGroup
	for i := range callers {
		wg.Go(func() {
			for range batches {
				ids, err := appender(stores[i%2]).Append(deadline(t), joblog.Batch{Job: "job", Events: messages(n)})
				if err != nil || len(ids) != n {
					t.Errorf("got %d ids and error %v", len(ids), err)
				}
				got[i] = append(got[i], ids...)
			}
		})
	}
	wg.Wait()
	want := slices.Concat(got...)
	slices.Sort(want)
	ascending(t, want)
	all, _ := readAll(t, f.Store, joblog.Query{Job: "job", UpTo: everything})
	if !slices.Equal(ids(all), want) || len(want) != callers*batches*n {
		t.Errorf("read %d rows, %d were acknowledged, of %d", len(all), len(want), callers*batches*n)
	}
}

func appendTail(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	tail := follow(t, f.Store, "job")
	var want []int64
	for range 5 {
		want = append(want, appendTo(t, f.Store, joblog.Batch{Job: "job", Events: messages(2)})...)
		want = append(want, f.Insert(t, "job", messages(1)...)...)
		tail.expect("job", want)
	}
}
