package e2e

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"
)

// line is one row of a log, as the database and the wire have it.
type line struct {
	ID        int64  `json:"event_id"`
	Job       string `json:"task_id"`
	Message   string `json:"event_message"`
	Severity  string `json:"severity"`
	Time      int64  `json:"event_time"`
	Truncated bool   `json:"truncated"`
}

// record is one thing that a client says it saw. The two shapes of a message
// on the wire are records, too.
type record struct {
	Log      *line  `json:"log"`
	Type     string `json:"type"`     // "complete"
	State    string `json:"state"`    // of a complete
	Event    string `json:"event"`    // the name of a named event
	Response int    `json:"response"` // the status of a response
	Closed   bool   `json:"closed"`   // the client will not ask again
	Failure  string `json:"failure"`  // what broke in the client
}

// transcript is what one client has seen so far.
type transcript struct {
	name string

	mu      sync.Mutex
	changed chan struct{} // closed, and replaced, with each record
	seen
}

// seen is the part of a transcript that conditions look at.
type seen struct {
	lines     []line
	states    []string // of complete messages
	events    []string // names of named events
	responses []int
	failures  []string
	closed    bool
}

func newTranscript(name string) *transcript {
	return &transcript{name: name, changed: make(chan struct{})}
}

func (tr *transcript) add(r record) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	switch {
	case r.Log != nil:
		tr.lines = append(tr.lines, *r.Log)
	case r.Type == "complete":
		tr.states = append(tr.states, r.State)
	case r.Event != "":
		tr.events = append(tr.events, r.Event)
	case r.Response != 0:
		tr.responses = append(tr.responses, r.Response)
	case r.Closed:
		tr.closed = true
	case r.Failure != "":
		tr.failures = append(tr.failures, r.Failure)
	default:
		tr.failures = append(tr.failures, "a record of no known kind")
	}
	close(tr.changed)
	tr.changed = make(chan struct{})
}

// addJSON adds a record as it is on the wire.
func (tr *transcript) addJSON(data []byte) {
	var r record
	if err := json.Unmarshal(data, &r); err != nil {
		r = record{Failure: fmt.Sprintf("%.200q is no record: %v", data, err)}
	}
	tr.add(r)
}

// look is what has been seen until now.
func (tr *transcript) look() (seen, <-chan struct{}) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.seen, tr.changed
}

// await waits until the condition holds.
func (tr *transcript) await(t *testing.T, what string, holds func(seen) bool) seen {
	t.Helper()
	deadline := time.NewTimer(patience)
	defer deadline.Stop()
	for {
		now, changed := tr.look()
		if len(now.failures) > 0 {
			t.Fatalf("%s: %q", tr.name, now.failures)
		}
		if holds(now) {
			return now
		}
		select {
		case <-changed:
		case <-deadline.C:
			t.Fatalf("%s: no %s after %v: %d lines, states %q, events %q, responses %v, closed %v",
				tr.name, what, patience, len(now.lines), now.states, now.events, now.responses, now.closed)
		}
	}
}

// awaitLines waits for the first n lines.
func (tr *transcript) awaitLines(t *testing.T, n int) {
	t.Helper()
	tr.await(t, fmt.Sprintf("%d lines", n), func(s seen) bool { return len(s.lines) >= n })
}

// awaitEnd waits until the client is done, and checks that it saw the job
// complete once, and exactly these lines in this order.
func (tr *transcript) awaitEnd(t *testing.T, state string, want []line) {
	t.Helper()
	got := tr.await(t, "end", func(s seen) bool { return s.closed })
	if !slices.Equal(got.states, []string{state}) {
		t.Errorf("%s: complete came with %q, want %q once", tr.name, got.states, state)
	}
	tr.compare(t, got.lines, want)
}

// awaitRows is awaitEnd for logs whose rows become visible in another order
// than that of their ids.
func (tr *transcript) awaitRows(t *testing.T, state string, want []line) {
	t.Helper()
	got := tr.await(t, "end", func(s seen) bool { return s.closed })
	if !slices.Equal(got.states, []string{state}) {
		t.Errorf("%s: complete came with %q, want %q once", tr.name, got.states, state)
	}
	byID := func(a, b line) int { return cmp.Compare(a.ID, b.ID) }
	tr.compare(t, slices.SortedStableFunc(slices.Values(got.lines), byID), want)
}

func (tr *transcript) compare(t *testing.T, got, want []line) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i] != want[i] {
			t.Errorf("%s: line %d of %d is %+v, want %+v of %d", tr.name, i, len(got), got[i], want[i], len(want))
			return
		}
	}
	if len(got) != len(want) {
		t.Errorf("%s: %d lines, want %d", tr.name, len(got), len(want))
	}
}
