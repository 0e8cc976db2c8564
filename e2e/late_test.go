package e2e

import (
	"fmt"
	"slices"
	"testing"
)

// TestLateRows has a worker set the terminal state before the writer of the log
// commits its last rows, one by one, as they do that are different processes:
// browsers, curl and clients of all kinds get them, and then the end.
func TestLateRows(t *testing.T) {
	const after = "jobs {\n terminal completed failed after 5s\n }"
	onBothStores(t, config{options: after, jobs: "poll_interval 200ms"}, func(t *testing.T, a *app, s *server) {
		const job, late = "late", 20
		url := s.https + "/jobs/" + job + "/logs"
		a.addJob(t, job)
		a.log(t, job, 10, "before the state %d")
		watching := []*transcript{startCurl(t, s, url), watch(t, s, url), watch(t, s, s.http+"/jobs/"+job+"/logs")}
		for _, c := range slices.Concat(reconnecting, stubborn) {
			watching = append(watching, c.start(t, s, url))
		}
		for _, tr := range watching {
			tr.awaitLines(t, 10)
		}
		a.setState(t, job, "failed")
		watching = append(watching, startCurl(t, s, url+"?follow=false"))
		for i := range late {
			a.log(t, job, 1, fmt.Sprintf("after the state %d, %%d", i))
		}
		want := a.rows(t, job)
		for _, tr := range watching {
			tr.awaitEnd(t, "failed", want)
			checkResponses(t, tr)
		}
		startCurl(t, s, url).awaitEnd(t, "failed", want)
	})
}
