package e2e

import (
	"net/http"
	"slices"
	"testing"
)

// TestEndAfterACut cuts clients from a job between its last row and its end, and
// lets them come again once it has ended, whatever of it passes their filter: each
// is told the end once, and those that go on asking are then told to stop.
func TestEndAfterACut(t *testing.T) {
	onBothStores(t, config{jobs: "poll_interval 50ms"}, func(t *testing.T, a *app, s *server) {
		const job = "parted"
		a.addJob(t, job)
		a.log(t, job, 3, "line %d")
		server := s.https[len("https://"):]
		var relays []*relay
		var watching []*transcript
		var want [][]line
		for _, query := range []string{"", "?severity=critical"} {
			for _, c := range slices.Concat(reconnecting, stubborn) {
				r := newRelay(t, server)
				relays = append(relays, r)
				watching = append(watching, c.start(t, s, "https://localhost:"+r.port()+"/jobs/"+job+"/logs"+query))
				if want = append(want, nil); query == "" {
					want[len(want)-1] = a.rows(t, job)
				}
			}
		}
		for i, tr := range watching {
			tr.awaitLines(t, len(want[i]))
			tr.await(t, "response", func(s seen) bool { return len(s.responses) > 0 })
		}
		nowhere := listen(t)
		_ = nowhere.Close()
		for _, r := range relays {
			r.lead(nowhere.Addr().String())
			r.cut()
		}
		a.setState(t, job, "failed")
		for _, r := range relays {
			r.lead(server)
		}
		for i, tr := range watching {
			tr.awaitEnd(t, "failed", want[i])
			now, _ := tr.look()
			if got := slices.Compact(now.responses); got[0] != http.StatusOK || len(got) > 2 || len(now.responses) < 2 {
				t.Errorf("%s: the responses were %v", tr.name, now.responses)
			}
		}
	})
}
