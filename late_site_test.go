package caddyjobs

import (
	"database/sql"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// ends has the end of jobs told after a while.
func ends(after string) string {
	return strings.Replace(sqliteStore, "path {db}", "path {db}\n jobs {\n terminal completed failed after "+after+"\n }", 1)
}

// worker is an application that writes to the site's database by itself, each
// statement a transaction.
func (s *site) worker(t *testing.T) (exec func(query string, args ...any)) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+s.db+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return func(query string, args ...any) {
		t.Helper()
		if _, err := db.Exec(query, args...); err != nil {
			t.Fatal(err)
		}
	}
}

const (
	setState  = `UPDATE vibe_tasks SET execution_state = ? WHERE task_id = ?`
	insertRow = `INSERT INTO vibe_events (task_id, event_message, severity, event_time) VALUES (?, ?, 'info', 1)`
)

// TestLateRowsOnSites has a worker set the state, and another write rows then:
// they come to whoever watches, in whatever way, and the end comes last. A reload
// changes how long is waited for it.
func TestLateRowsOnSites(t *testing.T) {
	for name, protocols := range map[string]string{"HTTP/1.1": "h1", "HTTP/2": "h1 h2c"} {
		t.Run(name, func(t *testing.T) {
			servers := "servers {\n protocols " + protocols + "\n}\n"
			s := newSite(t, servers+ends("1h"), both)
			if name == "HTTP/2" {
				s.overHTTP2(64 << 10)
			}
			logged(t, s, "job", 2, "running")
			worker := s.worker(t)
			live := s.get(t, "/jobs/job/logs")
			got := live.until("data: {}")
			worker(setState, "failed", "job")
			late := map[string]*stream{"0 1": s.get(t, "/jobs/job/logs?follow=false"), "1": s.get(t, "/jobs/job/logs", "Last-Event-ID", "1"), "": s.get(t, "/jobs/job/logs?tail=0&format=ndjson")}
			for i := 2; i < 12; i++ {
				worker(insertRow, "job", fmt.Sprint("line ", i))
				got += live.until(fmt.Sprintf(`"line %d"`, i))
			}
			if strings.Contains(got, "complete") {
				t.Errorf("the end is told before:\n%s", got)
			}
			s.load(t, servers+ends("20ms"), both)
			const rest, end = "2 3 4 5 6 7 8 9 10 11", `{"type":"complete","state":"failed"}`
			if got += live.rest(); messages(got) != "0 1 "+rest || strings.Count(got, end) != 1 {
				t.Errorf("a live viewer got\n%s", got)
			}
			for first, st := range late {
				if got := st.rest(); messages(got) != strings.TrimSpace(first+" "+rest) || strings.Count(got, end) != 1 || strings.Contains(got, "caught_up") {
					t.Errorf("a viewer who came after the state got\n%s", got)
				}
			}
		})
	}
}

// TestLateState takes a terminal state back: the stream goes on.
func TestLateState(t *testing.T) {
	s := newSite(t, ends("1h"), both)
	logged(t, s, "job", 1, "running")
	s.put(t, "job", "completed")
	live, once := s.get(t, "/jobs/job/logs"), s.get(t, "/jobs/job/logs?follow=false")
	got := live.until(`"line 0"`)
	s.put(t, "job", "running")
	if got := once.rest(); messages(got) != "0" || strings.Contains(got, "complete") {
		t.Errorf("who does not follow a job that goes on got\n%s", got)
	}
	got += live.until("caught_up")
	s.post(t, "job", "line 1")
	got += live.until(`"line 1"`)
	s.load(t, ends("0s"), both)
	s.put(t, "job", "failed")
	if got += live.rest(); messages(got) != "0 1" || strings.Count(got, `{"type":"complete"`) != 1 || !strings.Contains(got, `"failed"}`) {
		t.Errorf("got\n%s", got)
	}
}

// TestLateParked counts the goroutines of many streams that wait for the ends of
// their jobs: there are none, and all are told.
func TestLateParked(t *testing.T) {
	s := parkedSite(t, both)
	s.load(t, ends("1h"), both)
	var streams []*stream
	for i := range 50 {
		job := fmt.Sprint("job", i)
		logged(t, s, job, 1, "running")
		streams = append(streams, s.get(t, "/jobs/"+job+"/logs"))
	}
	for i, st := range streams {
		st.until("data: {}")
		s.put(t, fmt.Sprint("job", i), "completed")
	}
	parkedNow(t, len(streams))
	for i, st := range streams {
		s.post(t, fmt.Sprint("job", i), "line 1")
		st.until("line 1") // a tick that is under way when the time is over may end the others
	}
	s.load(t, ends("20ms"), both)
	for i, st := range streams {
		if got := st.rest(); st.status != http.StatusOK || messages(got) != "" || !strings.Contains(got, `"completed"}`) {
			t.Errorf("stream %d got\n%s", i, got)
		}
	}
}
