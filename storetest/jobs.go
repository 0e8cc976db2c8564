package storetest

import (
	"fmt"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var jobsTests = []test{
	{"known and unknown", jobsKnown},
	{"states", jobsStates},
	{"many", jobsMany},
	{"strange ids", jobsStrange},
	{"none", jobsNone},
	{"nobody's", jobsNobodys},
}

// lookUp finds jobs, whoever they belong to.
func lookUp(t *testing.T, s joblog.Store, ids ...string) map[string]joblog.Job {
	t.Helper()
	asks := make([]joblog.Ask, len(ids))
	for i := range ids {
		asks[i] = joblog.Ask{ID: ids[i], AnyOwner: true}
	}
	jobs := map[string]joblog.Job{}
	for ask, job := range askFor(t, s, asks...) {
		jobs[ask.ID] = job
	}
	return jobs
}

func askFor(t *testing.T, s joblog.Store, asks ...joblog.Ask) map[joblog.Ask]joblog.Job {
	t.Helper()
	jobs, err := s.Jobs(deadline(t), asks)
	if err != nil {
		t.Fatalf("Jobs: %v", err)
	}
	return jobs
}

func jobsKnown(t *testing.T, f Fixture) {
	f.SetJob(t, "known", "running")
	jobs := lookUp(t, f.Store, "known", "unknown", "know", "known ", "known")
	want := joblog.Job{ID: "known", State: "running"}
	if len(jobs) != 1 || withoutVersion(jobs["known"]) != want {
		t.Errorf("got %+v, want %+v only", jobs, want)
	}
}

func jobsStates(t *testing.T, f Fixture) {
	for _, c := range []struct {
		state    string
		terminal bool
	}{{"queued", false}, {"running", false}, {"completed", true}, {"running", false}, {"failed", true}} {
		f.SetJob(t, "job", c.state)
		job := lookUp(t, f.Store, "job")["job"]
		if job.State != c.state || job.Terminal != c.terminal {
			t.Errorf("got %+v, want %+v", job, c)
		}
	}
}

func jobsMany(t *testing.T, f Fixture) {
	const n, known = 3000, 100
	for i := range known {
		f.SetJob(t, fmt.Sprint("job-", i*(n/known)), "running")
	}
	ask := make([]string, n)
	for i := range ask {
		ask[i] = fmt.Sprint("job-", i)
	}
	jobs := lookUp(t, f.Store, ask...)
	if len(jobs) != known {
		t.Fatalf("got %d jobs, want %d", len(jobs), known)
	}
	for id, job := range jobs {
		if job.ID != id || job.State != "running" {
			t.Fatalf("%s is %+v", id, job)
		}
	}
}

// impossible are ids that no job has: look-ups give nothing, and no error.
var impossible = []string{
	"", "\x00", "job\x00", "\x00job", "\xff\xfe", "jo\xffb", "\xed\xa0\x80",
	strings.Repeat("x", 10_000), "'", "' OR ''='", `"`, `\`, "%", "_", "?", "$1", ":a", "{job}", "job\n", "..", "a/b",
}

func jobsStrange(t *testing.T, f Fixture) {
	exist := []string{"job", "it's", `say "hi"`, `back\slash`, "é", "\u00a0", "日本語", "🎈", "a b", "-1", "0", "007", "1e3", "null"}
	for _, id := range exist {
		f.SetJob(t, id, "running")
	}
	jobs := lookUp(t, f.Store, append(impossible[:len(impossible):len(impossible)], exist...)...)
	for _, id := range exist {
		if jobs[id].ID != id {
			t.Errorf("%q is %+v", id, jobs[id])
		}
		delete(jobs, id)
	}
	if len(jobs) != 0 {
		t.Errorf("got %+v besides", jobs)
	}
}

func jobsNone(t *testing.T, f Fixture) {
	if jobs := lookUp(t, f.Store); len(jobs) != 0 {
		t.Errorf("got %+v, asked for nothing", jobs)
	}
}

// jobsNobodys asks for a job without an owner: nobody may have it as theirs.
func jobsNobodys(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	jobs := askFor(t, f.Store, joblog.Ask{ID: "job"}, joblog.Ask{ID: "job", Owner: "her"}, joblog.Ask{ID: "job", Owner: "NULL"})
	if len(jobs) != 0 {
		t.Errorf("got %+v", jobs)
	}
}
