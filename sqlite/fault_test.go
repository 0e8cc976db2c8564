package sqlite

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

// impatient is a store that waits for locks as long as busy.
func impatient(t *testing.T, path string, busy time.Duration) *Store {
	t.Helper()
	var names tables.Tables
	names.SetDefaults()
	s := newStore(path, names, defaultMaxMessage, busy, slog.New(slog.NewTextHandler(t.Output(), nil)))
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// says fails the test unless err has all the words.
func says(t *testing.T, err error, words ...string) {
	t.Helper()
	for _, word := range words {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("got error %v, want one that says %q", err, word)
		}
	}
}

var one = joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "more"}}}

// TestLockedWrite has another process hold the lock of writers, and not let go.
func TestLockedWrite(t *testing.T) {
	const busy = 300 * time.Millisecond
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := impatient(t, path, busy)
	appendN(t, s, "job", 3)
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	p := start(t, "lock IMMEDIATE", path)
	p.line(t)
	for what, call := range map[string]func() error{
		"Append":   func() error { _, err := s.Append(t.Context(), one); return err },
		"SetState": func() error { return s.SetState(t.Context(), "job", "completed") },
		"Remove":   func() error { return s.Remove(t.Context(), "job") },
	} {
		began := time.Now()
		says(t, call(), path, "another connection has held the lock for 300ms")
		if took := time.Since(began); took < busy || took > 20*busy {
			t.Errorf("%s failed after %s, want %s", what, took, busy)
		}
	}
	if got := messagesOf(t, s, "job"); len(got) != 3 || len(next(t, tail)) != 0 {
		t.Errorf("got %q while another writes", got)
	}
	p.kill(t)
	appendN(t, s, "job", 1)
	if got := next(t, tail); len(got) != 1 {
		t.Errorf("the tail got %q", got)
	}
}

// TestLockedRead has another process hold the lock of everybody, as a writer
// without WAL does while it commits.
func TestLockedRead(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	a := newApp(t, path, strings.Replace(appSchema, "= WAL", "= DELETE", 1))
	a.setJob(t, "job", "running")
	s := impatient(t, path, 200*time.Millisecond)
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	a.insert(t, "job", joblog.Event{Message: "new"})
	p := start(t, "lock EXCLUSIVE", path)
	p.line(t)
	_, err = tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
	says(t, err, path, "another connection has held the lock for 200ms")
	_, err = impatient(t, path, 100*time.Millisecond).Read(t.Context(), joblog.Query{Job: "job", UpTo: everything})
	says(t, err, path, "another connection has held the lock for 100ms")
	p.kill(t)
	if got := next(t, tail); !slices.Equal(got, []string{"new"}) {
		t.Errorf("got %q when the lock was free", got)
	}
}

// TestLockedCancel has callers who do not wait as long as the store would.
func TestLockedCancel(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := impatient(t, path, time.Hour)
	appendN(t, s, "job", 1)
	start(t, "lock IMMEDIATE", path).line(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := s.Append(ctx, one); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want the context's error", err)
	}
	waiting := make(chan error)
	go func() { _, err := s.Append(t.Context(), one); waiting <- err }()
	if err := s.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	says(t, <-waiting, "the store is closed")
}

// TestReplaced puts another database in the place of one that is open.
func TestReplaced(t *testing.T) {
	dir := t.TempDir()
	path, other := filepath.Join(dir, "jobs.db"), filepath.Join(dir, "other.db")
	s := opened(t, path)
	appendN(t, s, "job", 5)
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	o := opened(t, other)
	appendN(t, o, "job", 9)
	want := messagesOf(t, o, "job")
	if err := o.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(other, path); err != nil {
		t.Fatal(err)
	}
	for range 2 { // it is final
		if _, err := tail.Next(t.Context(), joblog.Watch{}); !errors.Is(err, joblog.ErrRewound) {
			t.Errorf("got %v, want ErrRewound", err)
		}
	}
	if got := messagesOf(t, s, "job"); !slices.Equal(got, want) {
		t.Errorf("got %d rows, want those of the new file", len(got))
	}
	if tail, err = s.Tail(t.Context()); err != nil {
		t.Fatal(err)
	}
	appendN(t, s, "job", 1)
	if got := next(t, tail); len(got) != 1 {
		t.Errorf("a new tail got %q", got)
	}
}

// TestRestored takes rows away as a restore in place does: ids come again.
func TestRestored(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := opened(t, path)
	appendN(t, s, "job", 5)
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	newApp(t, path, "").exec(t, "DELETE FROM vibe_events WHERE event_id > 2; UPDATE sqlite_sequence SET seq = 2")
	_, err = tail.Next(t.Context(), joblog.Watch{})
	says(t, err, "the highest id is 2, it was 5")
	if !errors.Is(err, joblog.ErrRewound) {
		t.Errorf("got %v, want ErrRewound", err)
	}
}

// TestRemoved takes the file away, and puts it back.
func TestRemoved(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	s := opened(t, path)
	appendN(t, s, "job", 5)
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	_, err := s.Append(t.Context(), one)
	says(t, err, path, "the file is gone", "put it back")
	_, err = s.Tail(t.Context())
	says(t, err, path, "the file is gone")
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a new file was made: %v", err)
	}
	if err := os.Rename(path+".old", path); err != nil {
		t.Fatal(err)
	}
	appendN(t, s, "job", 1)
	if got := messagesOf(t, s, "job"); len(got) != 6 {
		t.Errorf("got %d rows, want 6", len(got))
	}
}

// TestNoDatabase has paths that are something else.
func TestNoDatabase(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "notes.txt")
	if err := os.WriteFile(text, []byte(strings.Repeat("these are notes\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, word := range map[string]string{
		text:                         "must name a database or a new file",
		dir:                          "this is not a file",
		os.DevNull:                   "this is not a file",
		filepath.Join(text, "a.db"):  "not a directory",
		"/proc/caddyjobs/no/jobs.db": "making the directory",
	} {
		s := opened(t, path)
		_, err := s.Jobs(t.Context(), anyones)
		says(t, err, path, word)
		_, err = s.Append(t.Context(), one)
		says(t, err, path, word)
	}
	if b, err := os.ReadFile(text); err != nil || len(b) != 1600 {
		t.Errorf("the text has %d bytes now: %v", len(b), err)
	}
}

// TestDurable: an answer says that the batch survives a power cut, which no
// test can cut. What SQLite promises for it depends on this.
func TestDurable(t *testing.T) {
	s := opened(t, filepath.Join(t.TempDir(), "jobs.db"))
	appendN(t, s, "job", 1)
	err := s.use(t.Context(), func(ctx context.Context, f *file) error {
		const full = 2
		var n int
		err := f.write.QueryRowContext(ctx, "PRAGMA synchronous").Scan(&n)
		if n != full {
			t.Errorf("synchronous is %d, want %d", n, full)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
