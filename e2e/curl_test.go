package e2e

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

// TestCurl holds what a person with curl sees, to the byte.
func TestCurl(t *testing.T) {
	onBothStores(t, config{}, func(t *testing.T, a *app, s *server) {
		a.addJob(t, "done")
		a.log(t, "done", 3, "line %d")
		a.setState(t, "done", "completed")
		a.addJob(t, "running")
		a.log(t, "running", 2, "line %d")
		done, running := a.rows(t, "done"), a.rows(t, "running")

		const complete = `{"type":"complete","state":"completed"}`
		for _, c := range []struct {
			name, path string
			args       []string
			want       string
		}{
			{"backlog and end", "/jobs/done/logs", nil, "retry: 2000\n\n" + frames(done) + "data: " + complete + "\n\n"},
			{"resume by header", "/jobs/done/logs", header("Last-Event-ID: %d", done[1].ID), "retry: 2000\n\n" + frames(done[2:]) + "data: " + complete + "\n\n"},
			{"resume by parameter", fmt.Sprintf("/jobs/done/logs?lastEventId=%d", done[0].ID), nil, "retry: 2000\n\n" + frames(done[1:]) + "data: " + complete + "\n\n"},
			{"header wins", fmt.Sprintf("/jobs/done/logs?lastEventId=%d", done[0].ID), header("Last-Event-ID: %d", done[1].ID), "retry: 2000\n\n" + frames(done[2:]) + "data: " + complete + "\n\n"},
			{"no follow", "/jobs/running/logs?follow=false", nil, "retry: 2000\n\n" + frames(running)},
			{"tail", "/jobs/done/logs?tail=1", nil, "retry: 2000\n\n" + frames(done[2:]) + "data: " + complete + "\n\n"},
			{"NDJSON", "/jobs/done/logs", header("Accept: application/x-ndjson"), ndjson(done) + complete + "\n"},
			{"NDJSON by parameter", "/jobs/running/logs?format=ndjson&follow=false", nil, ndjson(running)},
		} {
			t.Run(c.name, func(t *testing.T) {
				if got := essence(curl(t, s.http+c.path, c.args...)); got != c.want {
					t.Errorf("got\n%s\nwant\n%s", got, c.want)
				}
			})
		}
		t.Run("plain text", func(t *testing.T) {
			got := strings.Split(strings.TrimSuffix(curl(t, s.http+"/jobs/done/logs", "-H", "Accept: text/plain"), "\n"), "\n")
			if len(got) != 4 || strings.Join(got[:3], "\n") != "line 0\nline 1\nline 2" || !strings.Contains(got[3], "completed") {
				t.Errorf("got %q", got)
			}
		})
		t.Run("past the end", func(t *testing.T) {
			told := curl(t, s.http+"/jobs/done/logs", header("Last-Event-ID: %d", done[2].ID)...)
			if got := essence(told); got != "retry: 2000\n\ndata: "+complete+"\n\n" {
				t.Errorf("got %q, want the end", got)
			}
			_, id, _ := strings.Cut(told, "\nid: ")
			id, _, _ = strings.Cut(id, "\n")
			if got := curl(t, s.http+"/jobs/done/logs", "-w", "%{http_code}", "-H", "Last-Event-ID: "+id); got != "204" {
				t.Errorf("got %q, want 204 and no body", got)
			}
		})
	})
}

func header(format string, args ...any) []string { return []string{"-H", fmt.Sprintf(format, args...)} }

// frames is what lines are as SSE.
func frames(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		fmt.Fprintf(&b, "id: %d\ndata: %s\n\n", l.ID, object(l))
	}
	return b.String()
}

// ndjson is what lines are as NDJSON.
func ndjson(lines []line) string {
	var b strings.Builder
	for _, l := range lines {
		b.WriteString(object(l) + "\n")
	}
	return b.String()
}

// object is the contract, written out: the keys and their order.
func object(l line) string {
	return fmt.Sprintf(`{"log":{"event_id":%d,"task_id":%q,"event_message":%q,"severity":%q,"event_time":%d}}`,
		l.ID, l.Job, l.Message, l.Severity, l.Time)
}

// essence is a body without what old clients never see: comments, named
// events, and the id of the end.
func essence(body string) string {
	var kept []string
	for frame := range strings.SplitAfterSeq(body, "\n\n") {
		var lines []string
		for l := range strings.SplitAfterSeq(frame, "\n") {
			if !strings.HasPrefix(l, ":") {
				lines = append(lines, l)
			}
		}
		frame = strings.Join(lines, "")
		if i := strings.Index(frame, `data: {"type":"complete"`); i > 0 && strings.HasPrefix(frame, "id: ") {
			frame = frame[i:]
		}
		if strings.HasPrefix(frame, "event: ") || strings.Contains(frame, "\nevent: ") {
			continue
		}
		kept = append(kept, frame)
	}
	return strings.Join(kept, "")
}

func curl(t *testing.T, url string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "curl", append([]string{"-sSN", url}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("curl %s %v: %v\n%s", url, args, err, out)
	}
	return string(out)
}
