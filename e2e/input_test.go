package e2e

import (
	"database/sql"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestRefusals sends what must be refused, before a stream begins, with a
// status at which clients stop and a sentence that says why.
func TestRefusals(t *testing.T) {
	onBothStores(t, config{}, func(t *testing.T, a *app, s *server) {
		a.addJob(t, "known")
		a.log(t, "known", 1, "line %d")
		for _, c := range []struct {
			name, path string
			status     int
		}{
			{"unknown job", "/jobs/nobody/logs", http.StatusNotFound},
			{"an id with a slash", "/jobs/a%2Fb/logs", http.StatusNotFound},
			{"an id that climbs", "/jobs/%2e%2e/logs", http.StatusNotFound},
			{"an id that climbs further", "/jobs/%2e%2e%2f%2e%2e/logs", http.StatusNotFound},
			{"an id with a NUL", "/jobs/known%00/logs", http.StatusNotFound},
			{"an id of invalid UTF-8", "/jobs/%ff%fe/logs", http.StatusNotFound},
			{"an id of quotes", "/jobs/'%22%3B--/logs", http.StatusNotFound},
			{"an id of 10 kB", "/jobs/" + strings.Repeat("x", 10_000) + "/logs", http.StatusNotFound},
			{"a cursor of letters", "/jobs/known/logs?lastEventId=abc", http.StatusBadRequest},
			{"a negative cursor", "/jobs/known/logs?lastEventId=-1", http.StatusBadRequest},
			{"a cursor with an empty hole", "/jobs/known/logs?lastEventId=9~", http.StatusBadRequest},
			{"a cursor of 10 kB", "/jobs/known/logs?lastEventId=" + strings.Repeat("9", 10_000), http.StatusBadRequest},
			{"an unknown parameter", "/jobs/known/logs?folow=false", http.StatusBadRequest},
			{"an unknown value", "/jobs/known/logs?follow=perhaps", http.StatusBadRequest},
			{"an unknown format", "/jobs/known/logs?format=xml", http.StatusBadRequest},
			{"a negative tail", "/jobs/known/logs?tail=-1", http.StatusBadRequest},
			{"an unknown severity", "/jobs/known/logs?severity=loud", http.StatusBadRequest},
		} {
			t.Run(c.name, func(t *testing.T) {
				status, body := s.do(t, http.MethodGet, c.path, "")
				// A 404 may be the next handler's; a 400 is always ours.
				if status != c.status || status == http.StatusBadRequest && !strings.Contains(strings.TrimSpace(body), " ") {
					t.Errorf("GET %.80s: %d %q, want %d and a sentence", c.path, status, body, c.status)
				}
			})
		}
		if got := a.rows(t, "known"); len(got) != 1 {
			t.Errorf("the table now has %d rows", len(got))
		}
	})
}

// TestStrangeIDs follows jobs whose ids need escaping in a path.
func TestStrangeIDs(t *testing.T) {
	onBothStores(t, config{}, func(t *testing.T, a *app, s *server) {
		for _, job := range []string{"..", "a b", "Ünï-ço∂é", "100%", "what?", "a#b", "{id}", "'; DROP TABLE vibe_events; --"} {
			t.Run(job, func(t *testing.T) {
				a.addJob(t, job)
				a.log(t, job, 3, "line %d")
				a.setState(t, job, "completed")
				path := strings.ReplaceAll("/jobs/"+url.PathEscape(job)+"/logs", "..", "%2e%2e")
				watch(t, s, path).awaitEnd(t, "completed", a.rows(t, job))
			})
		}
	})
}

// TestStrangeMessages streams rows that could break a frame or a server.
func TestStrangeMessages(t *testing.T) {
	onBothStores(t, config{}, func(t *testing.T, a *app, s *server) {
		const job, limit = "strange", 1 << 20
		messages := []string{
			"\r\n\r\ndata: {\"type\":\"complete\",\"state\":\"forged\"}\n\n", "\u2028\u2029", "\x1b[31mred\x1b[0m",
			"", "</script><script>alert(1)</script>", "\U0001F600", "tab\there \"quoted\" \\",
		}
		a.addJob(t, job)
		for _, m := range messages {
			a.exec(t, insertEvent, job, m, "info", eventTime)
		}
		a.exec(t, insertEvent, job, strings.Repeat("é", 5<<20), "info", eventTime) // 10 MiB
		a.exec(t, insertEvent, job, "after the huge one", "info", eventTime)
		a.setState(t, job, "completed")
		want := a.rows(t, job)

		tr := watch(t, s, "/jobs/"+job+"/logs")
		got := tr.await(t, "end", func(s seen) bool { return s.closed })
		if len(got.lines) != len(want) {
			t.Fatalf("%d lines, want %d", len(got.lines), len(want))
		}
		huge := &got.lines[len(messages)]
		if !huge.Truncated || len(huge.Message) > limit || len(huge.Message) < limit/2 {
			t.Errorf("the huge line is %d bytes long, truncated %v; want at most %d, and true", len(huge.Message), huge.Truncated, limit)
		}
		if !strings.HasPrefix(want[len(messages)].Message, strings.TrimRight(huge.Message, "\uFFFD…")) {
			t.Error("the huge line is not the beginning of the row")
		}
		*huge = want[len(messages)]
		tr.compare(t, got.lines, want)
	})
}

// TestInvalidUTF8 streams what only SQLite can hold.
func TestInvalidUTF8(t *testing.T) {
	t.Parallel()
	a, s := onSQLite(t, config{})
	const job = "bytes"
	a.addJob(t, job)
	a.exec(t, `INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		VALUES ($1, CAST(x'61ff62c32863' AS TEXT), 'info', 1234567890), ($1, CAST(x'610062' AS TEXT), 'info', 1234567890)`, job)
	a.setState(t, job, "completed")
	got := watch(t, s, "/jobs/"+job+"/logs").await(t, "end", func(s seen) bool { return s.closed })
	if len(got.lines) != 2 {
		t.Fatalf("%d lines, want 2", len(got.lines))
	}
	if m := got.lines[0].Message; m != "a\uFFFDb\uFFFD(c" {
		t.Errorf("invalid bytes arrived as %q", m)
	}
	if m := got.lines[1].Message; m != "a\x00b" {
		t.Errorf("a NUL arrived as %q", m)
	}
}

// TestIngestRefusals posts what must be refused whole: nothing of it is stored.
func TestIngestRefusals(t *testing.T) {
	onBothStores(t, config{}, func(t *testing.T, a *app, s *server) {
		const job, good = "refused", `{"event_message":"good"}`
		a.addJob(t, job)
		for _, c := range []struct {
			name, contentType, body string
			status                  int
			says                    string
		}{
			{"not JSON", "application/json", `{"event_message":`, http.StatusBadRequest, "line 1"},
			{"a bad element", "application/json", "[" + good + ",\n{\"event_message\":7}]", http.StatusBadRequest, "line 2"},
			{"a bad line", "application/x-ndjson", good + "\n" + good + "\n{\"event_mess", http.StatusBadRequest, "line 3"},
			{"an unknown key", "application/json", `{"event_message":"x","colour":"red"}`, http.StatusBadRequest, "colour"},
			{"no message", "application/json", `{"severity":"info"}`, http.StatusBadRequest, "event_message"},
			{"nothing", "application/json", ``, http.StatusBadRequest, ""},
			{"more than one value", "application/json", good + "]", http.StatusBadRequest, ""},
			{"invalid UTF-8", "application/json", "{\"event_message\":\"\xff\"}", http.StatusBadRequest, ""},
			{"too large", "text/plain", strings.Repeat("a line of forty bytes, more or less....\n", 1<<20), http.StatusRequestEntityTooLarge, ""},
		} {
			t.Run(c.name, func(t *testing.T) {
				status, body := s.do(t, http.MethodPost, "/jobs/"+job+"/logs", c.body, "Content-Type", c.contentType)
				if status != c.status || !strings.Contains(body, c.says) {
					t.Errorf("%d %q, want %d with %q", status, body, c.status, c.says)
				}
			})
		}
		if got := a.rows(t, job); len(got) != 0 {
			t.Errorf("stored of what was refused: %+v", got)
		}
	})
}

// TestIngest posts each form of body, and the same with an idempotency key twice.
func TestIngest(t *testing.T) {
	onBothStores(t, config{}, func(t *testing.T, a *app, s *server) {
		const job = "posted"
		a.addJob(t, job)
		tr := watch(t, s, "/jobs/"+job+"/logs")
		want := 0
		for _, c := range []struct{ contentType, body string }{
			{"application/json", `{"event_message":"0","severity":"info","event_time":1234567890}`},
			{"application/json", `[{"event_message":"1","event_time":1234567890},{"event_message":"2","event_time":1234567890}]`},
			{"application/x-ndjson", "{\"event_message\":\"3\",\"event_time\":1234567890}\n{\"event_message\":\"4\",\"event_time\":1234567890}\n"},
			{"text/plain", "5\n6\n"},
		} {
			for range 2 { // the second is a repetition
				status, body := s.do(t, http.MethodPost, "/jobs/"+job+"/logs", c.body,
					"Content-Type", c.contentType, "Idempotency-Key", c.body[:1]+c.contentType+string(rune('a'+want)))
				if status != http.StatusOK || !json.Valid([]byte(body)) {
					t.Fatalf("%s: %d %q", c.contentType, status, body)
				}
			}
			want = len(a.rows(t, job))
		}
		if status, body := s.do(t, http.MethodPut, "/jobs/"+job+"/state", `{"state":"completed"}`); status != http.StatusOK {
			t.Fatalf("PUT state: %d %s", status, body)
		}
		rows := a.rows(t, job)
		for i, r := range rows {
			if r.Message != string(rune('0'+i)) || r.Severity != "info" {
				t.Errorf("row %d is %+v", i, r)
			}
		}
		if len(rows) != 7 {
			t.Errorf("%d rows, want 7", len(rows))
		}
		tr.awaitEnd(t, "completed", rows)
		var state string
		if err := a.db.QueryRow(a.sql(`SELECT execution_state FROM vibe_tasks WHERE task_id = $1`), job).Scan(&state); err == sql.ErrNoRows || state != "completed" {
			t.Errorf("the job's state is %q (%v)", state, err)
		}
	})
}
