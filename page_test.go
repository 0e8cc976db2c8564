package caddyjobs

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
)

// scriptTag is that of the page's script.
var scriptTag = regexp.MustCompile(`<script type="module" src="([^"]*)" integrity="([^"]*)">`)

// TestPage asks for the page of a job, and for what it needs by the names that
// it has in it.
func TestPage(t *testing.T) {
	s := newSite(t, sqliteStore, "jobs_ingest\njobs_logs\njobs_viewer\nrespond next 299")
	st := s.get(t, "/jobs/a%2Fb")
	body, policy := st.rest(), st.header.Get("Content-Security-Policy")
	if st.status != 200 || st.header.Get("Content-Type") != "text/html; charset=utf-8" || st.header.Get("Referrer-Policy") != "no-referrer" ||
		st.header.Get("Access-Control-Allow-Origin") != "" || st.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %v", st.status, st.header)
	}
	for _, part := range []string{"default-src 'none'", "connect-src 'self'", "require-trusted-types-for 'script'", "frame-ancestors 'self'"} {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy is %q", policy)
		}
	}
	for _, tag := range []string{"style", "script type=\"module\""} {
		_, inner, _ := strings.Cut(body, "<"+tag+">")
		inner, _, ok := strings.Cut(inner, "</"+strings.Fields(tag)[0]+">")
		sum := sha256.Sum256([]byte(inner))
		if !ok || !strings.Contains(policy, "'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") {
			t.Errorf("the policy does not allow the page's %s", tag)
		}
	}
	if !strings.Contains(body, "<code>/logs?format=text</code>") {
		t.Error("without scripts, the page does not tell where the log is")
	}
	m := scriptTag.FindStringSubmatch(body)
	if m == nil || !strings.Contains(policy, "'"+m[2]+"'") {
		t.Fatalf("the script is %q in\n%s", m, body)
	}
	script := s.get(t, "/jobs/"+m[1])
	text := script.rest()
	if sum := sha256.Sum256([]byte(text)); m[2] != "sha256-"+base64.StdEncoding.EncodeToString(sum[:]) {
		t.Error("the script is not what the page expects")
	}
	if script.header.Get("Cache-Control") != "public, max-age=31536000, immutable" || script.header.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("the script has %v", script.header)
	}
	if small := s.get(t, "/jobs/a%2Fb", "Accept-Encoding", "gzip"); small.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("compressed, the page has %v", small.header)
	}
	if again := s.get(t, "/jobs/a%2Fb", "If-None-Match", st.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("again: %d", again.status)
	}
}

// TestPageFiles asks for the module by its own name, compressed.
func TestPageFiles(t *testing.T) {
	s := newSite(t, "", "jobs_viewer {\n path /builds/{id}/view\n}\nrespond next 299")
	plain := s.get(t, "/builds/7/_viewer/job-log.js", "Accept-Encoding", "identity")
	want := plain.rest()
	st := s.get(t, "/builds/7/_viewer/job-log.js", "Accept-Encoding", "gzip")
	r, err := gzip.NewReader(strings.NewReader(st.rest()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != want {
		t.Errorf("%d bytes, %v; plain it has %d", len(got), err, len(want))
	}
	if st.header.Get("Cache-Control") != "no-cache" || st.header.Get("ETag") == plain.header.Get("ETag") || st.header.Get("Vary") != "Accept-Encoding" {
		t.Errorf("%v, plain %v", st.header, plain.header)
	}
	for _, path := range []string{
		"/builds/7/_viewer/none.js", "/builds/7/_viewer/page.html", "/builds/7/_viewer/", "/builds/_viewer/job-log.js", "/builds/7/view/x", "/builds//view",
	} {
		if st := s.get(t, path); st.status != 299 {
			t.Errorf("%s: %d", path, st.status)
		}
	}
	if st := s.open(t, http.MethodPost, "/builds/7/view", ""); st.status != 299 {
		t.Errorf("POST: %d", st.status)
	}
}

// TestPageLogs has logs that are elsewhere.
func TestPageLogs(t *testing.T) {
	s := newSite(t, "", "jobs_viewer {\n logs https://logs.example.com/jobs/{id}/logs?a=b\n}")
	st := s.get(t, "/jobs/%22%3E%3Cscript%3E", "Accept-Encoding", "gzip") // it is made for the request, and not compressed
	body := st.rest()
	if !strings.Contains(body, `<meta name="job-log-src" content="https://logs.example.com/jobs/%22%3E%3Cscript%3E/logs?a=b">`) {
		t.Errorf("the page is\n%s", body)
	}
	if !strings.Contains(body, `<a href="https://logs.example.com/jobs/%22%3E%3Cscript%3E/logs?a=b&amp;format=text">`) {
		t.Errorf("without scripts, the page is\n%s", body)
	}
	if policy := st.header.Get("Content-Security-Policy"); !strings.HasSuffix(policy, "connect-src 'self' https://logs.example.com") {
		t.Errorf("the policy is %q", policy)
	}
}

// TestPagePlace has pages whose paths go on after the job's id: they are told
// by how much, and are the same for every job.
func TestPagePlace(t *testing.T) {
	s := newSite(t, "", "jobs_viewer {\n path /builds/{id}/view/\n}\njobs_viewer")
	st := s.get(t, "/builds/7/view/")
	body, tag := st.rest(), st.header.Get("ETag")
	if !strings.Contains(body, `<meta name="job-log-after" content="1">`) {
		t.Errorf("the page is\n%s", body)
	}
	if other := s.get(t, "/builds/%3Cimg%3E/view/"); other.header.Get("ETag") != tag || other.rest() != body {
		t.Errorf("that of another job has %v, want %s", other.header, tag)
	}
	if small := s.get(t, "/builds/7/view/", "Accept-Encoding", "gzip"); small.header.Get("Content-Encoding") != "gzip" {
		t.Errorf("compressed, the page has %v", small.header)
	}
	if last := s.get(t, "/jobs/7"); last.header.Get("ETag") == tag || strings.Contains(last.rest(), "job-log-after") {
		t.Error("a page whose path ends with the id is told otherwise")
	}
}

// TestStateTold asks for a job's state.
func TestStateTold(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	s.put(t, "job", "queued")
	for query, want := range map[string]string{
		"":                               "retry: 2000\n\n",
		"&state=true":                    "retry: 2000\n\nevent: state\ndata: {\"state\":\"queued\"}\n\n",
		"&state=true&format=ndjson":      "{\"type\":\"state\",\"state\":\"queued\"}\n",
		"&state=false&tail=0":            "retry: 2000\n\n",
		"&state=true&tail=0&format=text": "",
	} {
		st := s.get(t, "/jobs/job/logs?follow=false"+query)
		if got := st.rest(); !strings.HasPrefix(got, want) || strings.Contains(got, "queued") != strings.Contains(want, "queued") {
			t.Errorf("%s: %q, want %q first", query, got, want)
		}
	}
	if st := s.get(t, "/jobs/job/logs?state=yes"); st.status != http.StatusBadRequest {
		t.Errorf("state=yes: %d", st.status)
	}
}
