package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var ownerTests = []test{
	{"others", ownerOthers},
	{"changes", ownerChanges},
	{"many", ownerMany},
	{"strange", ownerStrange},
	{"alike", ownerAlike},
}

// owned makes a job that belongs to somebody.
func (f Fixture) owned(t testing.TB, job, owner string) {
	f.SetJob(t, job, "running")
	f.SetOwner(t, job, owner)
}

// ownerOthers asks for the same jobs as several people in one call.
func ownerOthers(t *testing.T, f Fixture) {
	f.owned(t, "hers", "her")
	f.owned(t, "his", "him")
	f.owned(t, "empty", "")
	f.SetJob(t, "nobody's", "running")
	want := map[joblog.Ask]joblog.Job{}
	var asks []joblog.Ask
	for _, id := range []string{"hers", "his", "empty", "nobody's", "unknown", "", "x\x00"} {
		owner := map[string]string{"hers": "her", "his": "him"}[id]
		asks = append(asks, joblog.Ask{ID: id, AnyOwner: true})
		if id != "unknown" && id != "" && id != "x\x00" {
			want[asks[len(asks)-1]] = joblog.Job{ID: id, State: "running", Owner: owner}
		}
		for _, who := range []string{"her", "him", "", "stranger"} {
			asks = append(asks, joblog.Ask{ID: id, Owner: who})
			if who != "" && who == owner {
				want[asks[len(asks)-1]] = joblog.Job{ID: id, State: "running", Owner: owner}
			}
		}
	}
	got := askFor(t, f.Store, append(asks, asks...)...)
	for _, ask := range asks {
		if withoutVersion(got[ask]) != want[ask] {
			t.Errorf("%+v: got %+v, want %+v", ask, got[ask], want[ask])
		}
		one := askFor(t, f.Store, ask)
		if withoutVersion(one[ask]) != want[ask] {
			t.Errorf("%+v by itself: got %+v, want %+v", ask, one[ask], want[ask])
		}
	}
	if len(got) != len(want) {
		t.Errorf("got %d answers, want %d", len(got), len(want))
	}
}

// ownerChanges gives a job to somebody else.
func ownerChanges(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	for _, owner := range []string{"her", "him", "", "her"} {
		f.SetOwner(t, "job", owner)
		for _, who := range []string{"her", "him"} {
			ask := joblog.Ask{ID: "job", Owner: who}
			if _, ok := askFor(t, f.Store, ask)[ask]; ok != (who == owner) {
				t.Errorf("the job is of %q; %q gets it: %t", owner, who, ok)
			}
		}
	}
}

func ownerMany(t *testing.T, f Fixture) {
	const n, owners = 1000, 7
	asks := make([]joblog.Ask, 0, 2*n)
	for i := range n {
		id := fmt.Sprint("job-", i)
		if i < 100 {
			f.owned(t, id, fmt.Sprint("owner-", i%owners))
		}
		asks = append(asks, joblog.Ask{ID: id, Owner: "owner-3"}, joblog.Ask{ID: id, Owner: "owner-4"})
	}
	got := askFor(t, f.Store, asks...)
	for i, ask := range asks {
		job, ok := got[ask]
		if mine := i/2 < 100 && i/2%owners == 3+i%2; ok != mine || ok && (job.ID != ask.ID || job.Owner != ask.Owner) {
			t.Fatalf("%+v: got %+v, %t, want it: %t", ask, job, ok, mine)
		}
	}
}

// ownerStrange has owners of odd names, and asks as those that nobody has.
func ownerStrange(t *testing.T, f Fixture) {
	exist := []string{
		"it's", `say "hi"`, `back\slash`, "é", "e\u0301", "\u00a0", " ", "日本語", "🎈", "a b", "-1", "0", "007", "1e3", "null", "NULL",
		"%", "_", "?", "$1", ":a", "{owner}", "line\nline", "<b>&", "[]", "{}", ",", `","`, strings.Repeat("x", 10_000),
	}
	impossible := []string{"", "\x00", "it's\x00", "\x00it's", "\xff\xfe", "\xe9", "\xed\xa0\x80", "' OR ''='", strings.Repeat("x", 9_999)}
	asks := []joblog.Ask{}
	for i, owner := range exist {
		f.owned(t, fmt.Sprint("job-", i), owner)
		for _, who := range append(impossible[:len(impossible):len(impossible)], exist...) {
			asks = append(asks, joblog.Ask{ID: fmt.Sprint("job-", i), Owner: who})
		}
	}
	got := askFor(t, f.Store, asks...)
	for i, owner := range exist {
		ask := joblog.Ask{ID: fmt.Sprint("job-", i), Owner: owner}
		if got[ask].ID != ask.ID || got[ask].Owner != owner {
			t.Errorf("%.40q is %.200s", owner, fmt.Sprintf("%+v", got[ask]))
		}
		delete(got, ask)
	}
	if len(got) != 0 {
		t.Errorf("got %.1000s besides", fmt.Sprintf("%+v", got))
	}
}

// ownerAlike asks as people whose names are nearly the owner's.
func ownerAlike(t *testing.T, f Fixture) {
	f.owned(t, "job", "Jane")
	for _, who := range []string{"jane", "JANE", "Jan", "Janet", " Jane", "Jane ", "Jane\n", "Jane\u200b", "J\u0430ne", "%", "J%", "J_ne"} {
		if got := askFor(t, f.Store, joblog.Ask{ID: "job", Owner: who}); len(got) != 0 {
			t.Errorf("%q gets %+v", who, got)
		}
	}
}
