package caddyjobs

import (
	"strings"
	"testing"
)

// TestHugeRow has a row that is six times as long as JSON as it is in the table:
// longer than any one chunk of HTTP/1.1. It comes to who watches alone and to those
// who share it, live and replayed.
func TestHugeRow(t *testing.T) {
	s := newSite(t, strings.Replace(sqliteStore, "path {db}", "path {db}\n max_message 4MiB", 1), "jobs_ingest {\n max_size 32MiB\n max_event 4MiB\n}\njobs_logs")
	row := strings.Repeat("\x01", 3<<20)
	want := strings.Repeat(`\u0001`, 3<<20)
	for _, viewers := range []int{1, 2} {
		job := strings.Repeat("job", viewers)
		s.put(t, job, "running")
		var live []*stream
		for range viewers {
			st := s.get(t, "/jobs/"+job+"/logs")
			st.until("caught_up")
			live = append(live, st)
		}
		s.post(t, job, row)
		s.put(t, job, "completed")
		for _, st := range append(live, s.get(t, "/jobs/"+job+"/logs"), s.get(t, "/jobs/"+job+"/logs?format=ndjson")) {
			if got := st.rest(); strings.Count(got, want) != 1 || !strings.Contains(got, "completed") {
				t.Errorf("of %d viewers one got %d bytes, ending with %.100q", viewers, len(got), got[max(0, len(got)-100):])
			}
		}
	}
}
