package storetest

import (
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var versionTests = []test{
	{"changes", versionChanges},
	{"others", versionOthers},
	{"long texts", versionLong},
}

// withoutVersion is a job to compare with: what a version is, is the store's.
func withoutVersion(j joblog.Job) joblog.Job {
	j.Version = ""
	return j
}

// versionChanges changes a job's row, and nothing.
func versionChanges(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	version := func() string { return lookUp(t, f.Store, "job")["job"].Version }
	seen := map[string]bool{version(): true}
	if seen[""] {
		return // the store does not tell
	}
	steps := []func(){
		func() { f.SetJob(t, "job", "paused") },
		func() { f.SetJob(t, "job", "completed") },
	}
	if f.SetOwner != nil {
		steps = append(steps, func() { f.SetOwner(t, "job", "her") }, func() { f.SetOwner(t, "job", "him") })
	}
	for i, step := range steps {
		step()
		changed := version()
		if seen[changed] {
			t.Errorf("after change %d it is %q, as it was before", i, changed)
		}
		seen[changed] = true
		f.Insert(t, "job", messages(2)...)
		f.SetJob(t, "other", "running")
		if now := version(); now != changed {
			t.Errorf("it was %q and is %q, though the row has not changed", changed, now)
		}
		if again := lookUp(t, f.Reopen(t), "job")["job"].Version; again != changed {
			t.Errorf("another store has %q, want %q", again, changed)
		}
	}
}

// versionOthers asks for a job in several ways.
func versionOthers(t *testing.T, f Fixture) {
	if f.SetOwner == nil {
		return // its jobs have no owners
	}
	f.owned(t, "job", "her")
	any, hers := joblog.Ask{ID: "job", AnyOwner: true}, joblog.Ask{ID: "job", Owner: "her"}
	got := askFor(t, f.Store, any, hers)
	if got[any] != got[hers] || got[any].ID != "job" {
		t.Errorf("got %+v", got)
	}
}

// versionLong changes what is long.
func versionLong(t *testing.T, f Fixture) {
	if f.SetOwner == nil {
		return // its jobs have no owners
	}
	f.owned(t, "job", strings.Repeat("x", 10_000))
	before := lookUp(t, f.Store, "job")["job"].Version
	f.SetOwner(t, "job", strings.Repeat("x", 10_001))
	if after := lookUp(t, f.Store, "job")["job"].Version; after == before && before != "" {
		t.Errorf("it is %q, as it was before", after)
	}
}
