package e2e

import (
	"net/http"
	"slices"
	"testing"
)

// TestClients lets each client see a job's backlog, its live lines and its
// end: all see the same, and none comes back once it knows the end.
func TestClients(t *testing.T) {
	onBothStores(t, config{jobs: "poll_interval 200ms"}, func(t *testing.T, a *app, s *server) {
		const job = "build-7"
		url := s.https + "/jobs/" + job + "/logs"
		a.addJob(t, job)
		a.log(t, job, 50, "backlog %d")

		watching := []*transcript{startCurl(t, s, url), watch(t, s, url), watch(t, s, s.http+"/jobs/"+job+"/logs")}
		for _, c := range slices.Concat(reconnecting, stubborn) {
			watching = append(watching, c.start(t, s, url))
		}
		for _, tr := range watching {
			tr.awaitLines(t, 50)
		}
		a.log(t, job, 5, "live, by SQL %d")
		s.ingest(t, job, `{"event_message":"live, by HTTP","severity":"warn","event_time":1234567890}`)
		a.log(t, job, 5, "last %d")
		a.setState(t, job, "completed")

		want := a.rows(t, job)
		if len(want) != 61 {
			t.Fatalf("the table has %d rows", len(want))
		}
		for _, tr := range watching {
			tr.awaitEnd(t, "completed", want)
			checkResponses(t, tr)
		}
		t.Run("late", func(t *testing.T) {
			startCurl(t, s, url).awaitEnd(t, "completed", want)
		})
	})
}

// checkResponses checks that a client needed one response, and perhaps a 204
// that told it to stop.
func checkResponses(t *testing.T, tr *transcript) {
	t.Helper()
	now, _ := tr.look()
	switch tr.name {
	case "curl": // does not say
	case "chromium", "node", "one response":
		if !slices.Equal(now.responses, []int{http.StatusOK}) {
			t.Errorf("%s got the responses %v, want one 200", tr.name, now.responses)
		}
	default:
		if !slices.Equal(now.responses, []int{http.StatusOK, http.StatusNoContent}) {
			t.Errorf("%s got the responses %v, want 200 and then 204", tr.name, now.responses)
		}
	}
}

// ingest posts to a job's log.
func (s *server) ingest(t *testing.T, job, body string) {
	t.Helper()
	if status, answer := s.do(t, http.MethodPost, "/jobs/"+job+"/logs", body, "Content-Type", "application/json"); status != http.StatusOK {
		t.Fatalf("POST: %d %s", status, answer)
	}
}

// TestCuts cuts each reconnecting client's connection again and again, in the
// middle of whatever is on its way: nothing may be lost, nothing come twice.
// The browser's page is of another origin than its stream here.
func TestCuts(t *testing.T) {
	onBothStores(t, config{jobs: "poll_interval 50ms"}, func(t *testing.T, a *app, s *server) {
		const job, rounds, burst = "cut", 4, 200
		a.addJob(t, job)
		a.log(t, job, burst, "backlog %d")

		var relays []*relay
		var watching []*transcript
		for _, c := range reconnecting {
			r := newRelay(t, s.https[len("https://localhost"):])
			r.cutAfter(20_000) // in the backlog
			relays = append(relays, r)
			watching = append(watching, c.start(t, s, "https://localhost:"+r.port()+"/jobs/"+job+"/logs"))
		}
		for round := range rounds {
			for _, tr := range watching {
				tr.awaitLines(t, burst*(2*round+1))
			}
			for i, r := range relays {
				r.cutAfter(1000*round + 333*i) // in the burst
			}
			a.log(t, job, burst, "before %d")
			for _, r := range relays[:round%len(relays)] {
				r.cut() // wherever it is
			}
			a.log(t, job, burst, "after %d")
		}
		a.setState(t, job, "failed")
		want := a.rows(t, job)
		for i, tr := range watching {
			tr.awaitEnd(t, "failed", want)
			now, _ := tr.look()
			if len(now.responses) <= rounds {
				t.Errorf("%s was cut only %d times: %v", tr.name, len(now.responses)-1, now.responses)
			}
			t.Logf("%s through relay %d: responses %v", tr.name, i, now.responses)
		}
	})
}
