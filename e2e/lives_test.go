package e2e

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"
)

// TestMadeAgain has the application delete jobs that are watched, and make them
// again: who comes gets the log that the database has, streams of what is gone
// end, and those of jobs that only change go on.
func TestMadeAgain(t *testing.T) {
	onBothStores(t, config{}, func(t *testing.T, a *app, s *server) {
		for _, job := range []string{"ended", "again", "deleted", "stays"} {
			a.addJob(t, job)
			a.log(t, job, 3, "old line %d of "+job)
		}
		a.setState(t, "ended", "completed")
		if _, got := s.do(t, http.MethodGet, "/jobs/ended/logs", ""); strings.Count(got, "old line") != 3 {
			t.Fatalf("at first: %q", got)
		}
		streams := map[string]*bufio.Reader{}
		until := func(job, text string) (got string) {
			t.Helper()
			for !strings.Contains(got, text) {
				line, err := streams[job].ReadString('\n')
				if got += line; err != nil {
					t.Fatalf("%s: %v after %q", job, err, got)
				}
			}
			return got
		}
		for _, job := range []string{"again", "deleted", "stays"} {
			resp := s.open(t, http.MethodGet, "/jobs/"+job+"/logs", "")
			defer resp.Body.Close()
			streams[job] = bufio.NewReader(resp.Body)
			until(job, "caught_up")
		}
		for _, job := range []string{"ended", "again", "deleted"} {
			a.exec(t, `DELETE FROM vibe_events WHERE task_id = $1`, job)
			a.exec(t, `DELETE FROM vibe_tasks WHERE task_id = $1`, job)
		}
		for _, job := range []string{"ended", "again"} {
			a.addJob(t, job)
			a.log(t, job, 2, "new line %d of "+job)
		}
		a.setState(t, "ended", "completed")
		a.exec(t, `DELETE FROM vibe_events WHERE event_message = 'old line 0 of stays'`)
		a.setState(t, "stays", "paused")
		if _, got := s.do(t, http.MethodGet, "/jobs/ended/logs", ""); strings.Contains(got, "old line") || strings.Count(got, "new line") != 2 {
			t.Errorf("who comes then gets %q", got)
		}
		for _, job := range []string{"again", "deleted"} {
			if rest, err := io.ReadAll(streams[job]); err != nil || !strings.Contains(string(rest), "event: bye\n") {
				t.Errorf("%s: %v after %q", job, err, rest)
			}
		}
		if status, _ := s.do(t, http.MethodGet, "/jobs/deleted/logs", ""); status != http.StatusNotFound {
			t.Errorf("the one that is gone: %d", status)
		}
		a.log(t, "stays", 1, "the next %d")
		if got := until("stays", "the next 0"); strings.Contains(got, "event: ") {
			t.Errorf("the one that stays: %q", got)
		}
	})
}
