package e2e

import (
	"slices"
	"testing"
)

// TestExit stops the server under open streams: each is told so, and the
// process ends in time, which stop checks.
func TestExit(t *testing.T) {
	onBothStores(t, config{}, func(t *testing.T, a *app, s *server) {
		const job = "unfinished"
		a.addJob(t, job)
		a.log(t, job, 3, "line %d")
		var watching []*transcript
		for range 20 {
			watching = append(watching, watch(t, s, s.http+"/jobs/"+job+"/logs"), watch(t, s, s.https+"/jobs/"+job+"/logs"))
		}
		for _, tr := range watching {
			tr.await(t, "caught_up", func(s seen) bool { return slices.Contains(s.events, "caught_up") })
		}
		s.stop(t)
		for _, tr := range watching {
			got := tr.await(t, "end", func(s seen) bool { return s.closed })
			if len(got.events) == 0 || got.events[len(got.events)-1] != "bye" {
				t.Errorf("%s ended with the events %q, want bye last", tr.name, got.events)
			}
			tr.compare(t, got.lines, a.rows(t, job))
		}
	})
}
