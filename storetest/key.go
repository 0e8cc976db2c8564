package storetest

import (
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var keyTests = []test{
	{"again", keyAgain},
	{"reused", keyReused},
	{"reopened", keyReopened},
	{"concurrent", keyConcurrent},
	{"of a batch that failed", keyFailed},
	{"many events", keyMany},
	{"forms", keyForms},
}

func keyed(n int, key, digest string) joblog.Batch {
	return joblog.Batch{Job: "job", Events: messages(n), Key: key, Digest: digest}
}

func rowsOf(t *testing.T, s joblog.Store, job string) []int64 {
	t.Helper()
	all, _ := readAll(t, s, joblog.Query{Job: job, UpTo: everything})
	return ids(all)
}

func keyAgain(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	first := appendTo(t, f.Store, keyed(3, "key", "digest"))
	f.Insert(t, "job", messages(2)...)
	other := appendTo(t, f.Store, keyed(3, "other", "digest"))
	if again := appendTo(t, f.Store, keyed(3, "key", "digest")); !slices.Equal(again, first) {
		t.Errorf("got ids %v again, first %v", again, first)
	}
	if slices.Equal(other, first) {
		t.Errorf("another key got the ids %v, too", other)
	}
	if n := len(rowsOf(t, f.Store, "job")); n != 8 {
		t.Errorf("got %d rows, want 8", n)
	}
	appendTo(t, f.Store, keyed(1, "", "digest"))
	appendTo(t, f.Store, keyed(1, "", "digest"))
	if n := len(rowsOf(t, f.Store, "job")); n != 10 {
		t.Errorf("got %d rows, want 10: no key is not a key", n)
	}
}

func keyReused(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	first := appendTo(t, f.Store, keyed(2, "key", "digest"))
	_, err := appender(f.Store).Append(deadline(t), keyed(2, "key", "another"))
	if !errors.Is(err, joblog.ErrKeyReused) {
		t.Errorf("got %v, want ErrKeyReused", err)
	}
	if got := rowsOf(t, f.Store, "job"); !slices.Equal(got, first) {
		t.Errorf("got rows %v, want %v", got, first)
	}
}

func keyReopened(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	first := appendTo(t, f.Store, keyed(2, "key", "digest"))
	if err := f.Store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	s := f.Reopen(t)
	if again := appendTo(t, s, keyed(2, "key", "digest")); !slices.Equal(again, first) {
		t.Errorf("got ids %v after a restart, before %v", again, first)
	}
	if got := rowsOf(t, s, "job"); !slices.Equal(got, first) {
		t.Errorf("got rows %v, want %v", got, first)
	}
}

// keyConcurrent has a client retry while its first try is still running.
func keyConcurrent(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	const callers = 8
	stores := []joblog.Store{f.Store, f.Reopen(t)}
	for _, key := range []string{"one", "two", "three"} {
		before := len(rowsOf(t, f.Store, "job"))
		got := make([][]int64, callers)
		var wg sync.WaitGroup
		for i := range callers {
			wg.Go(func() {
				var err error
				if got[i], err = appender(stores[i%2]).Append(deadline(t), keyed(3, key, "digest")); err != nil {
					t.Errorf("Append: %v", err)
				}
			})
		}
		wg.Wait()
		for i := range got {
			if len(got[i]) != 3 || !slices.Equal(got[i], got[0]) {
				t.Errorf("caller %d got ids %v, caller 0 %v", i, got[i], got[0])
			}
		}
		if n := len(rowsOf(t, f.Store, "job")) - before; n != 3 {
			t.Errorf("got %d rows for one key, want 3", n)
		}
	}
}

// keyFailed has a key come with a batch that is refused, and then with one
// that is not: what was not stored must not answer for it.
func keyFailed(t *testing.T, f Fixture) {
	bad := keyed(2, "key", "bad")
	bad.Job = "a\x00b"
	if _, err := appender(f.Store).Append(deadline(t), bad); err == nil {
		t.Fatal("an impossible job was taken")
	}
	f.SetJob(t, "job", "running")
	got := appendTo(t, f.Store, keyed(2, "key", "good"))
	if rows := rowsOf(t, f.Store, "job"); !slices.Equal(rows, got) {
		t.Errorf("got rows %v, want %v", rows, got)
	}
}

func keyMany(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	first := appendTo(t, f.Store, keyed(5000, "key", "digest"))
	if again := appendTo(t, f.Store, keyed(5000, "key", "digest")); !slices.Equal(again, first) {
		t.Error("got other ids the second time")
	}
	if rows := rowsOf(t, f.Store, "job"); !slices.Equal(rows, first) {
		t.Errorf("got %d rows, want 5000", len(rows))
	}
}

func keyForms(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	seen := map[int64]string{}
	for _, key := range []string{"it's", "IT'S", "a b", "a", "a ", "é", "0", "00", "-1", strings.Repeat("k", 255)} {
		first := appendTo(t, f.Store, keyed(1, key, "digest"))
		if other, ok := seen[first[0]]; ok {
			t.Errorf("key %q is taken for %q", key, other)
		}
		seen[first[0]] = key
		if again := appendTo(t, f.Store, keyed(1, key, "digest")); !slices.Equal(again, first) {
			t.Errorf("key %q: got ids %v again, first %v", key, again, first)
		}
	}
}
