package caddyjobs

import (
	"database/sql"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lastID is the id that a client shows that got so much of a stream.
func lastID(got string) (id string) {
	frames := strings.Split(got, "\n\n")
	for _, frame := range frames[:len(frames)-1] { // what is cut off does not count
		for line := range strings.SplitSeq(frame, "\n") {
			if value, ok := strings.CutPrefix(line, "id: "); ok {
				id = value
			}
		}
	}
	return id
}

// again asks once more, as a client does that has an id, if it has one.
func (s *site) again(t *testing.T, path, id string) *stream {
	t.Helper()
	if id == "" {
		return s.get(t, path)
	}
	return s.get(t, path, "Last-Event-ID", id)
}

// caughtUp is what comes until a stream is live.
func (s *site) caughtUp(t *testing.T, path, id string) (st *stream, got string) {
	t.Helper()
	st = s.again(t, path, id)
	return st, st.until("event: caught_up") + st.until("data: {}") + "\n"
}

// told asks for what a client lacks, which is to be these lines and once the end,
// and returns the id that it then has.
func (s *site) told(t *testing.T, path, id, lines, state string) string {
	t.Helper()
	st := s.again(t, path, id)
	got, end := st.rest(), `{"type":"complete","state":"`+state+`"}`
	if strings.Contains(path, "format=text") {
		end = "-- job " + state
	}
	if st.status != http.StatusOK || strings.Count(got, end) != 1 || messages(got) != lines {
		t.Errorf("%s after %q: %d, want the lines %q and once %s, got\n%s", path, id, st.status, lines, end, got)
	}
	return lastID(got)
}

// stopped asks once more, and is to be told to stop.
func (s *site) stopped(t *testing.T, path, id string) {
	t.Helper()
	st := s.again(t, path, id)
	if got := st.rest(); st.status != http.StatusNoContent || got != "" || st.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s after %q: %d, Cache-Control %q, %q, want a 204 that nobody keeps", path, id, st.status, st.header.Get("Cache-Control"), got)
	}
}

// TestEndIsTold parts clients from a job between its last row and its end,
// whatever of it they ask for, and whether others watch it or nobody: each is told
// the end when it comes again, and to stop only once it shows that it was told.
func TestEndIsTold(t *testing.T) {
	for name, protocols := range map[string]string{"HTTP/1.1": "h1", "HTTP/2": "h1 h2c"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "servers {\n protocols "+protocols+"\n}\n"+sqliteStore, both)
			if name == "HTTP/2" {
				s.overHTTP2(1 << 20)
			}
			for i, query := range []string{
				"", "severity=warn", "severity=error", "since=1700000001", "since=1h", "tail=0", "tail=1", "state=true", "severity=error&tail=1",
				"follow=false", "follow=false&severity=error",
				"format=ndjson", "format=text", "format=text&severity=error", "format=ndjson&since=1h&follow=false",
			} {
				for _, watched := range []bool{false, true} {
					job := fmt.Sprint("job", i, watched)
					all := "/jobs/" + job + "/logs"
					path := all + "?" + query
					logged(t, s, job, 2, "running")
					_, whole := s.caughtUp(t, all, "")
					id := lastID(whole) // who reads what has no ids knows which rows it has
					if !strings.Contains(query, "format") && !strings.Contains(query, "follow") {
						first, got := s.caughtUp(t, path, "")
						first.close()
						id = lastID(got)
					}
					if watched {
						s.caughtUp(t, all, "")
					}
					s.put(t, job, "failed")
					mark := s.told(t, path, id, "", "failed")
					if strings.Contains(query, "format") {
						mark = s.told(t, all, id, "", "failed")
					}
					s.stopped(t, path, mark)
					s.stopped(t, path+"&lastEventId="+mark, "")
					s.told(t, path+"&lastEventId="+id, "", "", "failed")
				}
			}
		})
	}
}

// TestEndWithoutRows tells the end of a job that has no row, or none that passes,
// to who has no id yet; and to stop, to who then shows one.
func TestEndWithoutRows(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	s.put(t, "first", "completed") // the table of rows is empty
	s.stopped(t, "/jobs/first/logs", s.told(t, "/jobs/first/logs", "", "", "completed"))
	logged(t, s, "other", 3, "completed")
	s.put(t, "none", "failed")
	s.stopped(t, "/jobs/none/logs", s.told(t, "/jobs/none/logs", "", "", "failed"))
	s.told(t, "/jobs/none/logs", "0", "", "failed")
	path := "/jobs/other/logs?severity=critical"
	s.stopped(t, path, s.told(t, path, "", "", "completed"))
}

// TestEndOfAnotherRun shows the mark of an end that the job does not have any
// more: its next end is told, too, and what it does until then.
func TestEndOfAnotherRun(t *testing.T) {
	for _, gone := range []bool{false, true} {
		t.Run(fmt.Sprint("forgotten ", gone), func(t *testing.T) {
			options := sqliteStore
			if gone {
				options = strings.Replace(options, "poll_interval", "linger 1ms\n poll_interval", 1)
			}
			s := newSite(t, options, both)
			logged(t, s, "job", 2, "failed")
			failed := s.told(t, "/jobs/job/logs", "", "0 1", "failed")
			s.stopped(t, "/jobs/job/logs", failed)
			s.put(t, "job", "running")
			st, got := s.caughtUp(t, "/jobs/job/logs", failed)
			if messages(got) != "" || strings.Contains(lastID(got), "_") {
				t.Errorf("while it runs again came\n%s", got)
			}
			s.post(t, "job", "line 2")
			if more := st.until("line 2"); strings.Contains(more, "complete") {
				t.Errorf("while it runs again came\n%s", more)
			}
			s.put(t, "job", "failed")
			if end := st.rest(); strings.Count(end, `"failed"`) != 1 {
				t.Errorf("at its end came\n%s", end)
			}
			failed = s.told(t, "/jobs/job/logs", failed, "2", "failed")
			s.put(t, "job", "completed")
			completed := s.told(t, "/jobs/job/logs", failed, "", "completed")
			s.stopped(t, "/jobs/job/logs", completed)
			s.told(t, "/jobs/job/logs", failed, "", "completed")
		})
	}
}

// TestEndOfARunWithoutRows ends a job again as before, without a row, while a
// client watches it that was told the end of before.
func TestEndOfARunWithoutRows(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	logged(t, s, "job", 1, "failed")
	failed := s.told(t, "/jobs/job/logs", "", "0", "failed")
	s.put(t, "job", "running")
	var streams []*stream
	for _, format := range []string{"sse", "ndjson", "text"} {
		streams = append(streams, s.get(t, "/jobs/job/logs?format="+format, "Last-Event-ID", failed))
	}
	s.put(t, "job", "failed")
	for i, st := range streams {
		if got := st.rest(); st.status != http.StatusOK || strings.Count(got, "failed") != 1 {
			t.Errorf("stream %d: %d\n%s", i, st.status, got)
		}
	}
}

// TestEndOfLateRows shows the mark of the end, and lacks rows that came after it:
// they are told, and the end anew.
func TestEndOfLateRows(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	logged(t, s, "job", 2, "completed")
	id := s.told(t, "/jobs/job/logs", "", "0 1", "completed")
	s.post(t, "job", "line 2", "line 3")
	id = s.told(t, "/jobs/job/logs", id, "2 3", "completed")
	s.stopped(t, "/jobs/job/logs", id)
	s.told(t, "/jobs/job/logs", strings.Replace(id, "_", "~1_", 1), "2", "completed")
}

// TestEndElsewhere goes from node to node of one database.
func TestEndElsewhere(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "jobs.db")
	if err := os.Symlink(file, filepath.Join(dir, "same.db")); err != nil {
		t.Fatal(err)
	}
	s := newSite(t, fmt.Sprintf("jobs {\n store sqlite {\n path %s\n }\n store sqlite other {\n path %s\n }\n poll_interval 20ms\n }\n",
		file, filepath.Join(dir, "same.db")), both+"jobs_logs {\n path /other/{id}\n store other\n }\n")
	logged(t, s, "job", 2, "running")
	here, there := "/jobs/job/logs", "/other/job"
	first, got := s.caughtUp(t, here, "")
	first.close()
	second, got2 := s.caughtUp(t, there, lastID(got))
	second.close()
	if messages(got2) != "" {
		t.Errorf("on the other node came\n%s", got2)
	}
	s.put(t, "job", "failed")
	id := s.told(t, there, lastID(got2), "", "failed")
	s.stopped(t, here, id)
	s.stopped(t, there, id)
	s.put(t, "job", "completed")
	id = s.told(t, here, id, "", "completed")
	s.stopped(t, there, id)
}

// TestEndBeforeAPoll comes to a job that others watch, and whose end nobody has
// heard of yet: who does not follow it is told the end, too.
func TestEndBeforeAPoll(t *testing.T) {
	s := newSite(t, strings.Replace(sqliteStore, "20ms", "1h", 1), both)
	logged(t, s, "job", 2, "running")
	watching, _ := s.caughtUp(t, "/jobs/job/logs", "")
	db, err := sql.Open("sqlite", s.db)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE vibe_tasks SET execution_state = 'failed' WHERE task_id = 'job'`); err != nil {
		t.Fatal(err)
	}
	s.told(t, "/jobs/job/logs?follow=false", "1", "1", "failed")
	watching.until("complete")
}

// TestHeartbeatsHaveIDs follows what does not pass a filter, alone and with
// others: a heartbeat says how far that is, so that who is cut does not begin
// where the last row was that did.
func TestHeartbeatsHaveIDs(t *testing.T) {
	s := newSite(t, strings.Replace(sqliteStore, "poll_interval", "heartbeat 1s\n poll_interval", 1), both)
	logged(t, s, "job", 2, "running")
	var streams []*stream
	for _, query := range []string{"severity=error", "severity=error", "severity=critical"} {
		st, _ := s.caughtUp(t, "/jobs/job/logs?"+query, "")
		streams = append(streams, st)
	}
	s.post(t, "job", "line 2", "line 3")
	for i, st := range streams {
		if got := st.until("id: "); !strings.HasSuffix(got, "\n:\nid: 4\n") {
			t.Errorf("stream %d: %q", i, got)
		}
		if blank := st.until("\n"); blank != "\n" {
			t.Errorf("stream %d: after the id %q", i, blank)
		}
	}
	s.put(t, "job", "completed")
	for _, st := range streams {
		st.until("complete")
	}
}
