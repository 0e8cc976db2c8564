package storetest

import (
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var findTests = []test{
	{"rows", findRows},
	{"strange jobs", findStrange},
	{"many", findMany},
	{"none", findNone},
}

func find(t *testing.T, s joblog.Store, rows ...joblog.Row) map[joblog.Row]joblog.Event {
	t.Helper()
	found, err := s.(joblog.Finder).Find(deadline(t), rows)
	if err != nil {
		t.Fatalf("Find: %v", err)
	}
	return found
}

// logOf are a job's rows as Read has them.
func logOf(t *testing.T, s joblog.Store, job string) []joblog.Event {
	t.Helper()
	page, err := s.Read(deadline(t), joblog.Query{Job: job, UpTo: joblog.Cursor{N: 1 << 62}})
	if err != nil {
		t.Fatalf("Read: %v", err)
	}
	return page.Events
}

// findRows asks for rows that are there, of other jobs, and that are not there.
func findRows(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	f.SetJob(t, "other", "running")
	texts := []joblog.Event{
		{Message: "plain", Time: 1_700_000_000_123},
		{Message: ""},
		{Message: "日本語 \x1b[31m", Severity: "error", Time: 1_700_000_000},
		{Message: strings.Repeat("é", 100_000), Time: 5},
	}
	ids := f.Insert(t, "job", texts...)
	others := f.Insert(t, "other", messages(1)...)
	rows := []joblog.Row{
		{Job: "other", ID: ids[0]},
		{Job: "job", ID: others[0]},
		{Job: "unknown", ID: ids[0]},
		{Job: "", ID: ids[0]},
		{Job: "x\x00", ID: ids[0]},
		{Job: "job", ID: 0},
		{Job: "job", ID: -1},
		{Job: "job", ID: others[0] + 1},
		{Job: "job", ID: 1<<63 - 1},
	}
	for _, id := range ids {
		rows = append(rows, joblog.Row{Job: "job", ID: id}, joblog.Row{Job: "job", ID: id})
	}
	found := find(t, f.Store, rows...)
	for _, want := range logOf(t, f.Store, "job") {
		got, ok := found[joblog.Row{Job: "job", ID: want.ID}]
		if !ok || got.ID != want.ID || got.Job != want.Job || got.Time != want.Time || !got.Truncated && got.Message != want.Message {
			t.Errorf("row %d: %.300q, want %.300q", want.ID, got.Message, want.Message)
		}
	}
	if len(found) != len(ids) {
		t.Errorf("found %d rows, want %d", len(found), len(ids))
	}
}

func findStrange(t *testing.T, f Fixture) {
	for _, job := range []string{"it's", `say "hi"`, `back\slash`, "日本語", "a b", "-1", "007", "null", "[1]"} {
		f.SetJob(t, job, "running")
		row := joblog.Row{Job: job, ID: f.Insert(t, job, messages(1)...)[0]}
		if found := find(t, f.Store, row); len(found) != 1 || found[row].Job != job {
			t.Errorf("%q: %+v", job, found)
		}
	}
}

func findMany(t *testing.T, f Fixture) {
	const n = 5000
	f.SetJob(t, "job", "running")
	var rows []joblog.Row
	for _, id := range f.Insert(t, "job", messages(n)...) {
		rows = append(rows, joblog.Row{Job: "job", ID: id}, joblog.Row{Job: "job", ID: id + 10*n})
	}
	if found := find(t, f.Store, rows...); len(found) != n {
		t.Errorf("found %d rows, want %d", len(found), n)
	}
}

func findNone(t *testing.T, f Fixture) {
	if found := find(t, f.Store); len(found) != 0 {
		t.Errorf("found %v", found)
	}
}
