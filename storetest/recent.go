package storetest

import (
	"fmt"
	"reflect"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var recentTests = []test{
	{"order", recentOrder},
	{"limit", recentLimit},
	{"bound", recentBound},
	{"none", recentNone},
	{"strange ids", recentStrange},
}

// recent fails the test unless the recent jobs are these.
func recent(t *testing.T, s joblog.Store, limit int, want ...joblog.Event) {
	t.Helper()
	got, err := s.(joblog.Recenter).Recent(deadline(t), limit)
	if err != nil || len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, %v\nwant %+v", got, err, want)
	}
}

// say inserts events, and returns the last one as Recent has it.
func (f Fixture) say(t *testing.T, job string, events ...joblog.Event) joblog.Event {
	t.Helper()
	f.SetJob(t, job, "running")
	ids := f.Insert(t, job, events...)
	return joblog.Event{ID: ids[len(ids)-1], Job: job, Time: events[len(events)-1].Time}
}

// recentOrder has jobs speak in turn, one without a time, and one not at all.
func recentOrder(t *testing.T, f Fixture) {
	f.SetJob(t, "silent", "queued")
	a := f.say(t, "a", messages(3)...)
	b := f.say(t, "b", messages(2)...)
	recent(t, f.Store, 10, b, a)
	a = f.say(t, "a", joblog.Event{Message: "at no time"})
	recent(t, f.Store, 10, a, b)
	recent(t, f.Reopen(t), 10, a, b)
}

func recentLimit(t *testing.T, f Fixture) {
	var want []joblog.Event
	for i := range 50 {
		want = append([]joblog.Event{f.say(t, fmt.Sprint("job-", i), messages(2)...)}, want...)
	}
	for _, limit := range []int{1, 2, 49, 50, 51} {
		recent(t, f.Store, limit, want[:min(limit, 50)]...)
	}
}

// recentBound has a job that so many rows of another one follow that it is no
// longer looked for, or that it just still is.
func recentBound(t *testing.T, f Fixture) {
	quiet := f.say(t, "quiet", messages(1)...)
	loud := f.say(t, "loud", messages(joblog.RecentRows-1)...)
	recent(t, f.Store, 10, loud, quiet)
	loud = f.say(t, "loud", messages(1)...)
	recent(t, f.Store, 10, loud)
}

func recentNone(t *testing.T, f Fixture) {
	recent(t, f.Store, 10)
	f.SetJob(t, "silent", "running")
	recent(t, f.Store, 10)
}

// recentStrange looks up the jobs by what Recent calls them.
func recentStrange(t *testing.T, f Fixture) {
	for _, id := range []string{"it's", `say "hi"`, `back\slash`, "日本語", "a b", "-1", "007", "null", "{job}", "$1", "<b>"} {
		e := f.say(t, id, messages(1)...)
		recent(t, f.Store, 1, e)
		if job := lookUp(t, f.Store, id)[id]; job.ID != e.Job {
			t.Errorf("%q is %+v", e.Job, job)
		}
	}
}
