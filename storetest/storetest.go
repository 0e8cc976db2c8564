package storetest

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// patience bounds every wait of the suite. Only a broken store meets it.
const patience = 60 * time.Second

// Fixture is one empty store and the application beside it. What it opened it
// closes by t.Cleanup; the suite may have closed the store before.
type Fixture struct {
	// Store is what is tested. The states "completed" and "failed" are
	// terminal, others are not.
	Store joblog.Store
	// Reopen makes another store on the same data: what a restarted node, or a
	// second one, would have. The fixture closes it.
	Reopen func(t testing.TB) joblog.Store
	// Insert stores events as the application does, past our Append, in one
	// transaction, and returns their ids, ascending. Message, Severity and Time
	// are stored as they are; an empty severity and a time of 0 are best stored
	// as NULL. The job exists.
	//
	// It may be called by several goroutines at once, so it reports failures
	// with t.Error. If the store is a Listener, it hears of it.
	Insert func(t testing.TB, job string, events ...joblog.Event) []int64
	// SetJob creates or updates the application's row of the job. Goroutines
	// and failures are as with Insert.
	SetJob func(t testing.TB, job, state string)
	// SetOwner says whom the job belongs to, as the text of the owner column will
	// be. The job exists. It is nil if the store's jobs have no owners.
	SetOwner func(t testing.TB, job, owner string)
}

// open makes a fixture.
type open func(t *testing.T) Fixture

// test is one subtest of the suite.
type test struct {
	name string
	run  func(t *testing.T, f Fixture)
}

// Run runs the suite. It calls open for each subtest, and once more to see
// which powers the store has.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	t.Helper()
	f := open(t)
	probe := f.Store
	run(t, "Jobs", open, jobsTests)
	run(t, "Version", open, versionTests)
	if f.SetOwner != nil {
		run(t, "Owner", open, ownerTests)
	}
	run(t, "Read", open, readTests)
	run(t, "Tail", open, tailTests)
	run(t, "Close", open, closeTests)
	if _, ok := probe.(joblog.Appender); ok {
		run(t, "Append", open, appendTests)
		run(t, "Key", open, keyTests)
	}
	if _, ok := probe.(joblog.StateSetter); ok {
		run(t, "SetState", open, stateTests)
	}
	if _, ok := probe.(joblog.Newester); ok {
		run(t, "Newest", open, newestTests)
	}
	if _, ok := probe.(joblog.Recenter); ok {
		run(t, "Recent", open, recentTests)
	}
	if _, ok := probe.(joblog.Finder); ok {
		run(t, "Find", open, findTests)
	}
	if _, ok := probe.(joblog.Remover); ok {
		run(t, "Remove", open, removeTests)
	}
	if _, ok := probe.(joblog.Listener); ok {
		run(t, "Listen", open, listenTests)
	}
}

func run(t *testing.T, group string, open open, tests []test) {
	t.Run(group, func(t *testing.T) {
		for _, c := range tests {
			t.Run(c.name, func(t *testing.T) { c.run(t, open(t)) })
		}
	})
}

// deadline is the test's context, bounded by patience.
func deadline(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// messages makes n events that differ.
func messages(n int) []joblog.Event {
	events := make([]joblog.Event, n)
	for i := range events {
		events[i] = joblog.Event{
			Message: fmt.Sprintf("line %d", i), Severity: "info", Time: 1_700_000_000_000 + int64(i),
		}
	}
	return events
}

// ids are the events' ids.
func ids(events []joblog.Event) []int64 {
	out := make([]int64, len(events))
	for i := range events {
		out[i] = events[i].ID
	}
	return out
}

// ascending fails the test unless each id is above the one before it.
func ascending(t testing.TB, ids []int64) {
	t.Helper()
	for i := 1; i < len(ids); i++ {
		if ids[i] <= ids[i-1] {
			t.Fatalf("id %d comes after id %d", ids[i], ids[i-1])
		}
	}
}

// await waits for ch, within patience.
func await[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not happen within %s", what, patience)
		panic("unreachable")
	}
}
