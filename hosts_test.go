package caddyjobs

import (
	"fmt"
	"strings"
	"testing"
)

// rawRequest is a request to be sent as it stands.
func rawRequest(line, host, headers, body string) string {
	return fmt.Sprintf("%s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n%s\r\n%s", line, host, len(body), headers, body)
}

// status is that of an answer.
func status(answer string) string {
	line, _, _ := strings.Cut(answer, "\r\n")
	return strings.TrimPrefix(line, "HTTP/1.1 ")
}

// TestRebinding asks at names that lead here and are not ours, as a page does to
// which its own name does: to read and to write.
func TestRebinding(t *testing.T) {
	const names = " {\n allowed_hosts logs.example.com 10.0.0.7 ::1\n}\n"
	s := newSite(t, sqliteStore, "jobs_ingest"+names+"jobs_logs"+names)
	want := ""
	for _, c := range []struct {
		host string
		ours bool
	}{
		{"logs.example.com", true},
		{"LOGS.example.com:8080", true},
		{"logs.example.com.", true},
		{"10.0.0.7", true},
		{"[::1]:80", true},
		{"evil.org", false},
		{"evil.org:8080", false},
		{"logs.example.com.evil.org", false},
		{"evil-logs.example.com", false},
		{"a.logs.example.com", false},
		{"localhost", false},
		{"127.0.0.1", false},
		{"10.0.0.70", false},
		{"evil.org:logs.example.com", false},
		{"logs.example.com..", false},
	} {
		for _, headers := range []string{"", "Sec-Fetch-Site: same-origin\r\n", "X-Forwarded-Host: logs.example.com\r\nForwarded: host=logs.example.com\r\n"} {
			writes := c.ours && !strings.Contains(headers, "Forwarded") // a proxy has strangers
			for _, r := range []struct {
				line string
				in   bool
			}{
				{"POST /jobs/job/logs", writes},
				{"PUT /jobs/job/state", writes},
				{"GET /jobs/job/logs?follow=false", c.ours},
				{"HEAD /jobs/job/logs", c.ours},
				{"GET /jobs/gone/logs", false},
			} {
				body := map[bool]string{true: `{"state":"running"}`}[strings.HasPrefix(r.line, "PUT")]
				if strings.HasPrefix(r.line, "POST") {
					body = fmt.Sprintf("from %q", c.host)
					if writes {
						want += body + "\n"
					}
				}
				got := s.answer(t, rawRequest(r.line, c.host, headers, body))
				refused := strings.HasPrefix(status(got), "421 ") && !strings.Contains(got, "from ")
				if strings.HasPrefix(status(got), "200 ") != r.in || refused == c.ours {
					t.Errorf("%s at %q with %q: %s", r.line, c.host, headers, got)
				}
			}
		}
	}
	if got := s.answer(t, rawRequest("GET http://evil.org/jobs/job/logs?follow=false", "logs.example.com", "", "")); status(got) != "421 Misdirected Request" {
		t.Errorf("in the request line: %s", got)
	}
	got := s.answer(t, rawRequest("GET /jobs/job/logs?follow=false&format=text", "10.0.0.7", "", ""))
	if !strings.HasSuffix(strings.ReplaceAll(got, "\r\n", "\n"), want+"\n0\n\n") {
		t.Errorf("stored is %s\nwant %s", got, want)
	}
}

// TestRebindingHere has a page whose own name leads to this machine write, where
// no names are given.
func TestRebindingHere(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	for _, c := range []struct{ host, headers, status string }{
		{"evil.org:8080", "Sec-Fetch-Site: same-origin\r\nOrigin: http://evil.org:8080\r\n", "403 Forbidden"},
		{"evil.org:8080", "Origin: http://evil.org:8080\r\n", "403 Forbidden"},
		{"localhost.evil.org", "Sec-Fetch-Site: same-origin\r\n", "403 Forbidden"},
		{"localhost:8080", "Sec-Fetch-Site: cross-site\r\nOrigin: http://evil.org\r\n", "403 Forbidden"},
		{"localhost:8080", "Origin: null\r\n", "403 Forbidden"},
		{"localhost:8080", "Sec-Fetch-Site: same-origin\r\nOrigin: http://localhost:8080\r\n", "200 OK"},
		{"evil.org:8080", "", "200 OK"}, // no browser
	} {
		for line, body := range map[string]string{"POST /jobs/job/logs": "x", "PUT /jobs/job/state": `{"state":"running"}`} {
			if got := s.answer(t, rawRequest(line, c.host, c.headers, body)); status(got) != c.status {
				t.Errorf("%s at %s with %q: %s", line, c.host, c.headers, got)
			}
		}
	}
}
