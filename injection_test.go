package caddyjobs

import (
	"bufio"
	"database/sql"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
)

// forged is what would be a header, a body and an event of its own, if line
// breaks came through.
const forged = "x\r\nInjected: yes\r\n\r\nevent: injected\ndata: {\"type\":\"complete\",\"state\":\"forged\"}\n\nid: 99\n\n: "

// TestInjectedRequest puts line breaks into all that a client can say, escaped
// and as they are. Nothing of it becomes a header or an event of the answer.
func TestInjectedRequest(t *testing.T) {
	s := newSite(t, withLinks(sqliteStore), "jobs_ingest\njobs_logs {\n cors https://app.example.com\n}\nrespond next 299")
	logged(t, s, "job", 1, "completed")
	strange := "job\r\nInjected: yes"
	s.rowed(t, strange, "line 0", "info", "completed")
	in := url.PathEscape(forged)
	link := linkTo(t, "job", time.Now().Add(time.Hour))
	for name, c := range map[string]struct{ path, headers, status string }{
		"job":             {"/jobs/" + in + "/logs", "", "404"},
		"job that is":     {"/jobs/" + url.PathEscape(strange) + "/logs", "", "404"},
		"job with a link": {"/jobs/" + url.PathEscape(strange) + "/logs?link=" + linkTo(t, strange, time.Now().Add(time.Hour)), "", "404"},
		"link":            {"/jobs/job/logs?link=" + link + in, "", "401"},
		"link before":     {"/jobs/job/logs?link=" + in + link, "", "401"},
		"cursor":          {"/jobs/job/logs?lastEventId=" + in, "", "400"},
		"parameter":       {"/jobs/job/logs?" + in + "=x", "", "400"},
		"format":          {"/jobs/job/logs?format=" + in, "", "400"},
		"severity":        {"/jobs/job/logs?severity=" + in, "", "400"},
		"since":           {"/jobs/job/logs?since=" + in, "", "400"},
		"cursor header":   {"/jobs/job/logs", "Last-Event-ID: " + in, "200"},
		"origin":          {"/jobs/job/logs", "Origin: https://app.example.com" + in, "200"},
		"cookie":          {"/jobs/job/logs", "Cookie: jobs-link=" + link + in, "200"},
		"cookie and link": {"/jobs/job/logs?link=" + link, "Cookie: jobs-link=" + in, "200"},
		"accept":          {"/jobs/job/logs", "Accept: " + in, "406"},
		"CR in a cursor":  {"/jobs/job/logs", "Last-Event-ID: 1\rInjected: yes", "400"},
		"CR in an origin": {"/jobs/job/logs", "Origin: https://app.example.com\rInjected: yes", "400"},
		"CR in a cookie":  {"/jobs/job/logs", "Cookie: jobs-link=x\rInjected: yes", "400"},
		"NUL in a cursor": {"/jobs/job/logs", "Last-Event-ID: 1\x00", "400"},
		"header in line":  {"/jobs/job/logs", "Last-Event-ID: 1\r\n Injected: yes", "200"}, // folded: one value
	} {
		t.Run(name, func(t *testing.T) {
			if c.headers != "" {
				c.headers += "\r\n"
			}
			answer := s.answer(t, rawRequest("GET "+c.path, "site", c.headers, ""))
			resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasPrefix(status(answer), c.status+" ") {
				t.Errorf("want %s: %s", c.status, answer)
			}
			for name, values := range resp.Header {
				if strings.EqualFold(name, "Injected") || strings.Contains(strings.Join(values, " "), "njected") {
					t.Errorf("%s is %q", name, values)
				}
			}
			whole(t, answer)
		})
	}
}

// whole reports lines of an answer that begin as if they were injected.
func whole(t *testing.T, answer string) {
	t.Helper()
	for line := range strings.FieldsFuncSeq(answer, func(r rune) bool { return strings.ContainsRune("\r\n\u2028\u2029\u0085\v\f", r) }) {
		for _, start := range []string{"Injected", "event: injected", "id: 99", "data: {\"type\":\"complete\",\"state\":\"forged\"", "{\"type\":\"complete\",\"state\":\"forged\""} {
			if strings.HasPrefix(line, start) {
				t.Errorf("there is the line %q in %q", line, answer)
			}
		}
	}
}

// rowed writes a row as an application may, of a job in a state.
func (s *site) rowed(t *testing.T, job, message, severity, state string) {
	t.Helper()
	db, err := sql.Open("sqlite", s.db)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(`INSERT INTO vibe_tasks (task_id, execution_state) VALUES (?, ?)`, job, state); err != nil {
		t.Fatal(err)
	}
	if _, err := db.Exec(`INSERT INTO vibe_events (task_id, event_message, severity, event_time) VALUES (?, ?, ?, 1)`, job, message, severity); err != nil {
		t.Fatal(err)
	}
}

// TestInjectedRow has rows try the same: whatever they have, each is one event,
// or one line, and what follows it is the end.
func TestInjectedRow(t *testing.T) {
	state := "done" + forged + "\u2028data: x\u2029\u0085"
	options := strings.Replace(sqliteStore, "path {db}", "path {db}\n jobs {\n terminal `"+state+"`\n }", 1)
	s := newSite(t, options, both)
	s.post(t, "other", "the tables are there")
	for _, brk := range []string{"\n", "\r", "\r\n", "\n\n", "\u2028", "\u2029", "\u0085", "\v", "\f", "\x00"} {
		text := strings.ReplaceAll(strings.ReplaceAll(forged, "\r\n", "\n"), "\n", brk)
		job := "job " + url.PathEscape(brk)
		s.rowed(t, job, text, text, state)
		for format, lines := range map[string]int{"sse": 8, "ndjson": 2, "text": 2} {
			st := s.get(t, "/jobs/"+url.PathEscape(job)+"/logs?format="+format)
			body := st.rest()
			whole(t, body)
			if n := strings.Count(body, "\n"); st.status != 200 || n != lines || strings.ContainsAny(body, "\r\v\f\x00\u2028\u2029") {
				t.Errorf("%q as %s: %d, %d lines, want %d, in %q", brk, format, st.status, n, lines, body)
			}
		}
	}
}
