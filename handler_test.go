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

// TestTranscript holds the wire contract to the byte.
func TestTranscript(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	s.post(t, "abc123", "Task queued", "line \"two\"\n\u2028")
	st := s.get(t, "/jobs/abc123/logs")
	got := st.until(`data: {}`)
	s.post(t, "abc123", "live")
	got += st.until(`"live"`)
	s.put(t, "abc123", "completed")
	got += st.rest()
	want, err := os.ReadFile("testdata/transcript.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for name, value := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform",
		"X-Accel-Buffering": "no", "Connection": "", "Access-Control-Allow-Origin": "",
	} {
		if got := st.header.Get(name); got != value {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
}

// logged makes a job with n lines, the first of them info, then warn and info
// in turn.
func logged(t *testing.T, s *site, job string, n int, state string) {
	t.Helper()
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `{"event_message":"line %d","severity":%q,"event_time":%d}`+"\n", i,
			[]string{"info", "warn"}[i%2], 1700000000+i)
	}
	st := s.open(t, http.MethodPost, "/jobs/"+job+"/logs", b.String(), "Content-Type", "application/x-ndjson")
	if text := st.rest(); st.status != http.StatusOK {
		t.Fatalf("POST: %d %s", st.status, text)
	}
	s.put(t, job, state)
}

// messages are the numbers of the lines in a body.
func messages(body string) (numbers string) {
	for _, part := range strings.Split(body, `"event_message":"line `)[1:] {
		n, _, _ := strings.Cut(part, `"`)
		numbers += n + " "
	}
	return strings.TrimSpace(numbers)
}

// TestParameters asks for parts of a log.
func TestParameters(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	logged(t, s, "done", 6, "failed")
	logged(t, s, "running", 3, "running")
	for _, c := range []struct{ path, lines, end string }{
		{"/jobs/done/logs", "0 1 2 3 4 5", "failed"},
		{"/jobs/done/logs?tail=2", "4 5", "failed"},
		{"/jobs/done/logs?tail=0", "", "failed"},
		{"/jobs/done/logs?tail=100", "0 1 2 3 4 5", "failed"},
		{"/jobs/done/logs?severity=WARN", "1 3 5", "failed"},
		{"/jobs/done/logs?severity=warn&tail=2", "3 5", "failed"},
		{"/jobs/done/logs?severity=error", "", "failed"},
		{"/jobs/done/logs?since=1700000004", "4 5", "failed"},
		{"/jobs/done/logs?since=2023-11-14T22:13:25Z", "5", "failed"},
		{"/jobs/done/logs?since=1h", "", "failed"},
		{"/jobs/done/logs?lastEventId=4", "4 5", "failed"},
		{"/jobs/done/logs?lastEventId=4&tail=1", "4 5", "failed"},
		{"/jobs/done/logs?lastEventId=", "0 1 2 3 4 5", "failed"},
		{"/jobs/done/logs?lastEventId=5~1", "3 5", "failed"},
		{"/jobs/running/logs?follow=false", "0 1 2", ""},
		{"/jobs/running/logs?follow=false&tail=1&format=ndjson", "2", ""},
		{"/jobs/done/logs?follow=true&format=sse", "0 1 2 3 4 5", "failed"},
	} {
		t.Run(c.path, func(t *testing.T) {
			st := s.get(t, c.path)
			body := st.rest()
			if got := messages(body); st.status != http.StatusOK || got != c.lines {
				t.Errorf("%d, lines %q, want %q, in\n%s", st.status, got, c.lines, body)
			}
			if end := `{"type":"complete","state":"` + c.end + `"}`; strings.Contains(body, end) != (c.end != "") {
				t.Errorf("the end is to be %q in\n%s", c.end, body)
			}
		})
	}
}

// TestResume reconnects, as clients do, to a job that runs and one that ended.
func TestResume(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	logged(t, s, "job", 6, "running")
	if got := messages(s.get(t, "/jobs/job/logs?lastEventId=1", "Last-Event-ID", "3").until("caught_up")); got != "3 4 5" {
		t.Errorf("after the third line came %q; the header should win", got)
	}
	broken := s.get(t, "/jobs/job/logs", "Last-Event-ID", "of another server").until("caught_up")
	if !strings.Contains(broken, "event: gap\nid: 0\ndata: {\"reason\":") || messages(broken) != "0 1 2 3 4 5" {
		t.Errorf("for a strange id came\n%s", broken)
	}
	future := s.get(t, "/jobs/job/logs", "Last-Event-ID", "99").until("caught_up")
	if !strings.Contains(future, "event: gap\n") || messages(future) != "0 1 2 3 4 5" {
		t.Errorf("for an id of the future came\n%s", future)
	}
	s.put(t, "job", "completed")
	// The id of the end spares the next reconnect the lines that were filtered out.
	if body := s.get(t, "/jobs/job/logs?severity=error").rest(); !strings.Contains(body, "id: 6_1vtskr6\ndata: {\"type\":\"complete\"") {
		t.Errorf("the end has no id in\n%s", body)
	}
}

// TestFormats negotiates.
func TestFormats(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	logged(t, s, "job", 2, "completed")
	for _, c := range []struct {
		accept, contentType string
		status              int
	}{
		{"", "text/event-stream", 200},
		{"*/*", "text/event-stream", 200},
		{"text/event-stream", "text/event-stream", 200},
		{"text/html, */*;q=0.1", "text/event-stream", 200},
		{"text/plain", "text/plain; charset=utf-8", 200},
		{"text/plain;q=0.5, application/x-ndjson", "application/x-ndjson", 200},
		{"application/x-ndjson;q=0, text/plain;q=0.1", "text/plain; charset=utf-8", 200},
		{"text/html", "text/plain; charset=utf-8", 406},
	} {
		headers := []string{"Accept", c.accept}
		if c.accept == "" {
			headers = nil
		}
		st := s.get(t, "/jobs/job/logs", headers...)
		if got := st.header.Get("Content-Type"); st.status != c.status || got != c.contentType {
			t.Errorf("Accept %q: %d %q, want %d %q", c.accept, st.status, got, c.status, c.contentType)
		}
	}
	for path, want := range map[string]string{
		"/jobs/job/logs?format=text": "line 0\nline 1\n-- job completed\n",
		"/jobs/job/logs?format=ndjson": `{"log":{"event_id":1,"task_id":"job","event_message":"line 0","severity":"info","event_time":1700000000000}}
{"log":{"event_id":2,"task_id":"job","event_message":"line 1","severity":"warn","event_time":1700000001000}}
{"type":"complete","state":"completed"}
`,
	} {
		st := s.get(t, path)
		if got := st.rest(); got != want || st.header.Get("Incremental") != "?1" {
			t.Errorf("%s: got\n%swant\n%s", path, got, want)
		}
	}
	if st := s.open(t, http.MethodHead, "/jobs/job/logs", ""); st.status != 200 || st.rest() != "" {
		t.Errorf("HEAD: %d", st.status)
	}
}

// TestRefusals sends what gets no stream, and what is for the next handler.
func TestRefusals(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	logged(t, s, "job", 1, "running")
	for _, c := range []struct {
		method, path string
		status       int
		says         string
	}{
		{"GET", "/jobs/nobody/logs", 404, "no such job"},
		{"GET", "/jobs/%00/logs", 404, "no such job"},
		{"GET", "/jobs/%ff/logs", 404, "no such job"},
		{"GET", "/jobs/" + strings.Repeat("x", 10_000) + "/logs", 404, "no such job"},
		{"GET", "/jobs/job/logs?folow=false", 400, `unknown parameter "folow"; known are`},
		{"GET", "/jobs/job/logs?follow=false&follow=true", 400, "follow is given twice"},
		{"GET", "/jobs/job/logs?follow=1", 400, "neither true nor false"},
		{"GET", "/jobs/job/logs?tail=-1", 400, "not a number of lines"},
		{"GET", "/jobs/job/logs?tail=99999999999", 400, "not a number of lines"},
		{"GET", "/jobs/job/logs?since=yesterday", 400, "not a time"},
		{"GET", "/jobs/job/logs?severity=loud", 400, "not a severity"},
		{"GET", "/jobs/job/logs?format=xml", 400, "not a format"},
		{"GET", "/jobs/job/logs?lastEventId=x", 400, "malformed cursor"},
		{"GET", "/jobs/job/logs?%zz", 400, "malformed"},
		{"GET", "/jobs/job", 299, "next"},
		{"GET", "/jobs//logs", 404, "no such job"},
		{"GET", "/jobs/job/logs/", 299, "next"},
		{"DELETE", "/jobs/job/logs", 299, "next"},
		{"OPTIONS", "/jobs/job/logs", 299, "next"},
		{"POST", "/jobs/job", 299, "next"},
		{"PUT", "/jobs/job/logs", 299, "next"},
		{"POST", "/jobs/job/state", 299, "next"},
	} {
		st := s.open(t, c.method, c.path, "")
		if text := st.rest(); st.status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s %.60s: %d %q, want %d with %q", c.method, c.path, st.status, text, c.status, c.says)
		}
	}
}

// TestCORS lets the pages of one origin in.
func TestCORS(t *testing.T) {
	s := newSite(t, sqliteStore, "jobs_ingest\njobs_logs {\n cors https://app.example.com http://localhost:3000\n}\nrespond next 299")
	logged(t, s, "job", 1, "completed")
	for origin, allowed := range map[string]string{
		"https://app.example.com": "https://app.example.com", "http://localhost:3000": "http://localhost:3000",
		"https://app.example.com.evil.org": "", "null": "", "": "",
	} {
		for _, path := range []string{"/jobs/job/logs", "/jobs/nobody/logs"} {
			st := s.get(t, path, "Origin", origin)
			if got := st.header.Get("Access-Control-Allow-Origin"); got != allowed || st.header.Get("Vary") != "Origin" {
				t.Errorf("%s for %q: allowed is %q, Vary %q", path, origin, got, st.header.Get("Vary"))
			}
		}
	}
	preflight := []string{"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "last-event-id", "Origin"}
	st := s.open(t, http.MethodOptions, "/jobs/job/logs", "", append(preflight, "https://app.example.com")...)
	if st.status != 204 || !strings.Contains(st.header.Get("Access-Control-Allow-Headers"), "Last-Event-ID") || st.header.Get("Access-Control-Max-Age") != "7200" {
		t.Errorf("preflight: %d %v", st.status, st.header)
	}
	if st := s.open(t, http.MethodOptions, "/jobs/job/logs", "", append(preflight, "https://evil.org")...); st.status != 299 {
		t.Errorf("preflight of a stranger: %d", st.status)
	}
}

// TestPending waits for a job that is yet to come.
func TestPending(t *testing.T) {
	s := newSite(t, sqliteStore, "@patient header Patient *\njobs_ingest\njobs_logs @patient {\n pending 20s\n}\njobs_logs {\n pending 30ms\n}")
	if st := s.get(t, "/jobs/never/logs"); st.status != 404 {
		t.Errorf("a job that never comes: %d", st.status)
	}
	got := make(chan string, 2)
	for range cap(got) {
		go func() { got <- s.get(t, "/jobs/late/logs", "Patient", "yes").rest() }()
	}
	logged(t, s, "late", 3, "completed")
	for range cap(got) {
		if body := <-got; messages(body) != "0 1 2" {
			t.Errorf("got\n%s", body)
		}
	}
}

// TestOwner shows jobs to their owners, and to nobody else.
func TestOwner(t *testing.T) {
	s := newSite(t, strings.Replace(sqliteStore, "path {db}", "path {db}\n jobs {\n owner tenant_id\n }", 1),
		"jobs_ingest\njobs_logs {\n owner {http.request.header.Tenant}\n}")
	logged(t, s, "hers", 2, "completed")
	db, err := sql.Open("sqlite", s.db)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`UPDATE vibe_tasks SET tenant_id = 'her'`); err != nil {
		t.Fatal(err)
	}
	logged(t, s, "nobodys", 2, "completed")
	for _, c := range []struct {
		job, tenant string
		status      int
	}{
		{"hers", "her", 200}, {"hers", "he", 404}, {"hers", "", 404}, {"nobodys", "her", 404}, {"nobodys", "", 404}, {"unknown", "her", 404},
	} {
		if st := s.get(t, "/jobs/"+c.job+"/logs", "Tenant", c.tenant); st.status != c.status {
			t.Errorf("%s for %q: %d, want %d", c.job, c.tenant, st.status, c.status)
		}
	}
}

// TestShapes serves logs at other URLs.
func TestShapes(t *testing.T) {
	s := newSite(t, sqliteStore, `jobs_ingest
	@api path_regexp api ^/api/v2/(\w+)/events$
	jobs_logs @api {
		job {re.api.1}
	}
	jobs_logs {
		path /builds/{id}
	}
	handle_path /below/* {
		jobs_logs
	}
	respond next 299`)
	logged(t, s, "job", 2, "completed")
	for path, status := range map[string]int{
		"/api/v2/job/events": 200, "/builds/job": 200, "/below/jobs/job/logs": 200, "/jobs/job/logs": 299, "/api/v2/other/events": 404,
	} {
		st := s.get(t, path)
		if body := st.rest(); st.status != status || status == 200 && messages(body) != "0 1" {
			t.Errorf("%s: %d %s", path, st.status, body)
		}
	}
}

// TestStoreDown asks for streams of a store that cannot be opened.
func TestStoreDown(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	if err := os.WriteFile(s.db, []byte(strings.Repeat("this is no database ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	st := s.get(t, "/jobs/job/logs")
	body := st.rest()
	if st.status != 200 || !strings.HasPrefix(body, "retry: ") || !strings.Contains(body, "event: error\ndata: {\"reason\":") {
		t.Errorf("%d %q", st.status, body)
	}
	st = s.get(t, "/jobs/job/logs?format=ndjson")
	if st.status != 503 || st.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", st.status, st.header)
	}
	if strings.Contains(body, s.dir) {
		t.Errorf("the reason tells where the database is: %q", body)
	}
}

// TestReplaced puts another database in the place of the one that is watched.
func TestReplaced(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	logged(t, s, "job", 4, "running")
	st := s.get(t, "/jobs/job/logs")
	st.until("caught_up")
	other := newDatabase(t, s, "other")
	for _, suffix := range []string{"-wal", "-shm"} { // they belong to the old one
		if err := os.Remove(s.db + suffix); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(other, s.db); err != nil {
		t.Fatal(err)
	}
	got := st.until("event: gap")
	got += st.rest()
	if messages(got) != "0 1" || !strings.Contains(got, "complete") {
		t.Errorf("after the database was replaced came\n%s", got)
	}
}

// newDatabase makes a database in which the job has two lines and is complete.
func newDatabase(t *testing.T, s *site, name string) string {
	t.Helper()
	path := filepath.Join(s.dir, name)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`
		CREATE TABLE vibe_tasks (task_id TEXT PRIMARY KEY, execution_state TEXT NOT NULL);
		CREATE TABLE vibe_events (event_id INTEGER PRIMARY KEY AUTOINCREMENT, task_id TEXT NOT NULL,
			event_message TEXT NOT NULL, severity TEXT, event_time INTEGER);
		INSERT INTO vibe_tasks VALUES ('job', 'completed');
		INSERT INTO vibe_events (task_id, event_message) VALUES ('job', 'line 0'), ('job', 'line 1')`); err != nil {
		t.Fatal(err)
	}
	return path
}
