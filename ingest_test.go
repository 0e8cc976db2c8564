package caddyjobs

import (
	"cmp"
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// slow is a store whose polls are too far apart to be of any use.
const slow = "jobs {\n store sqlite {\n path {db}\n }\n poll_interval 1h\n }\n"

// TestIngestForms sends each form of a body; the viewer sees it without a poll.
func TestIngestForms(t *testing.T) {
	s := newSite(t, slow, both)
	s.put(t, "job", "running")
	st := s.get(t, "/jobs/job/logs?format=text")
	for _, c := range []struct{ contentType, body, ids string }{
		{"application/json", ` {"event_message":"a","severity":"warn","event_time":1700000000}`, "[1]"},
		{"application/json; charset=utf-8", "[{\"event_message\":\"b\"},\n{\"event_message\":\"c\",\"severity\":null,\"event_time\":null}]", "[2,3]"},
		{"application/x-ndjson", "{\"event_message\":\"d\"}\r\n\n{\"event_message\":\"e\"}", "[4,5]"},
		{"text/plain", "f\r\n\ng", "[6,7,8]"},
	} {
		answer := s.open(t, http.MethodPost, "/jobs/job/logs", c.body, "Content-Type", c.contentType)
		if got := answer.rest(); answer.status != 200 || got != `{"ids":`+c.ids+"}\n" {
			t.Errorf("%s: %d %s, want the ids %s", c.contentType, answer.status, got, c.ids)
		}
	}
	s.put(t, "job", "completed")
	if got, want := st.rest(), "a\nb\nc\nd\ne\nf\n\ng\n-- job completed\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestIngestKeys repeats a request, and uses its key for another one.
func TestIngestKeys(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	send := func(body string) (int, string) {
		st := s.open(t, http.MethodPost, "/jobs/job/logs", body, "Content-Type", "text/plain", "Idempotency-Key", "k")
		return st.status, st.rest()
	}
	for range 3 {
		if status, text := send("one\ntwo\n"); status != 200 || text != "{\"ids\":[1,2]}\n" {
			t.Errorf("%d %s", status, text)
		}
	}
	if status, text := send("three\n"); status != 422 || text != "idempotency key was used for another request\n" {
		t.Errorf("another content: %d %s", status, text)
	}
	if got := s.get(t, "/jobs/job/logs?follow=false&format=text").rest(); got != "one\ntwo\n" {
		t.Errorf("stored is %q", got)
	}
}

// TestIngestRefusals sends what is refused, whole.
func TestIngestRefusals(t *testing.T) {
	s := newSite(t, sqliteStore, "jobs_ingest {\n max_size 1KiB\n max_event 100\n}\njobs_logs")
	s.put(t, "job", "running")
	const good = `{"event_message":"good"}`
	severe := func(bytes int) string { return `{"event_message":"x","severity":"` + strings.Repeat("s", bytes) + `"}` }
	for _, c := range []struct {
		contentType, body string
		status            int
		says              string
	}{
		{"application/json", severe(65), 400, "line 1: the severity has more than 64 bytes"},
		{"application/x-ndjson", good + "\n" + severe(65), 400, "line 2: the severity has more than 64 bytes"},
		{"application/json", `{"event_message":"` + strings.Repeat("x", 100) + `","severity":"s"}`, 413, "event 1 has more than 100 bytes"},
		{"text/plain", strings.Repeat("x", 101), 413, "event 1 has more than 100 bytes"},
		{"application/json", `{"event_message":`, 400, "line 1: unexpected end"},
		{"application/json", good + "]", 400, "line 1: invalid character"},
		{"application/json", "[" + good + ",\n{\"event_message\":7}]", 400, "line 2: cannot unmarshal number"},
		{"application/json", "[" + good + ",\n\n{\"event_message\" 7}]", 400, "line 3: invalid character"},
		{"application/json", "[]", 400, "there is no event"},
		{"application/json", "null", 400, "event_message is missing"},
		{"application/json", "", 400, "line 1"},
		{"application/json", `{"event_message":"x","colour":"red"}`, 400, `unknown field "colour"`},
		{"application/json", `{"severity":"info"}`, 400, "event_message is missing"},
		{"application/json", `{"event_message":"x","event_time":-1}`, 400, "event_time is negative"},
		{"application/json", `{"event_message":"x","event_time":1e3}`, 400, "line 1"},
		{"application/json", "{\"event_message\":\n\"\xff\"}", 400, "line 2: the text is not UTF-8"},
		{"application/x-ndjson", good + "\n" + good + good, 400, "line 2: there is more than one"},
		{"application/x-ndjson", good + "\n\n{\"event_mess", 400, "line 3: the JSON ends too early"},
		{"text/plain", "", 400, "there is no event"},
		{"text/plain", "ok\n\xc3\x28", 400, "line 2: the text is not UTF-8"},
		{"text/plain", strings.Repeat("x", 1025), 413, "larger than 1024 bytes"},
		{"application/x-www-form-urlencoded", good, 415, "say Content-Type: application/json"},
		{"", good, 415, "say Content-Type: application/json"},
	} {
		st := s.open(t, http.MethodPost, "/jobs/job/logs", c.body, "Content-Type", c.contentType)
		if text := st.rest(); st.status != c.status || !strings.Contains(text, c.says) {
			t.Errorf("%s %.50q: %d %s, want %d with %q", c.contentType, c.body, st.status, text, c.status, c.says)
		}
	}
	for body, says := range map[string]string{
		``: "ends too early", `{}`: "a state is missing", `{"state":7}`: "cannot unmarshal", `{"state":"x"} x`: "more than one",
		`{"status":"x"}`: "unknown field", "\xff": "not UTF-8",
		`{"state":"` + strings.Repeat("s", 257) + `"}`: "line 1: the state has more than 256 bytes",
	} {
		st := s.open(t, http.MethodPut, "/jobs/job/state", body)
		if text := st.rest(); st.status != 400 || !strings.Contains(text, says) {
			t.Errorf("PUT %q: %d %s, want 400 with %q", body, st.status, text, says)
		}
	}
	if got := s.get(t, "/jobs/job/logs?follow=false&format=text").rest(); got != "" {
		t.Errorf("of what was refused is stored: %q", got)
	}
	s.put(t, "job", strings.Repeat("s", 256))
	if st := s.open(t, http.MethodPost, "/jobs/job/logs", severe(64), "Content-Type", "application/json"); st.status != 200 {
		t.Errorf("the longest severity: %d %s", st.status, st.rest())
	}
	for _, id := range []string{"%00", strings.Repeat("x", 513), "%ff", "a%0Ab"} {
		if st := s.open(t, http.MethodPost, "/jobs/"+id+"/logs", "x", "Content-Type", "text/plain"); st.status != 400 {
			t.Errorf("an id no job can have: %d", st.status)
		}
	}
}

// TestIngestUnknown writes to a job that an application's database has not. The
// answer does not tell where that is.
func TestIngestUnknown(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	s.load(t, strings.Replace(sqliteStore, "{db}", newDatabase(t, s, "app.db"), 1), both)
	for _, r := range [][3]string{{http.MethodPost, "logs", "a line"}, {http.MethodPut, "state", `{"state":"running"}`}} {
		st := s.open(t, r[0], "/jobs/nobody/"+r[1], r[2], "Content-Type", "text/plain")
		if text := st.rest(); st.status != http.StatusNotFound || text != "there is no such job\n" {
			t.Errorf("%s: %d %q", r[0], st.status, text)
		}
	}
}

// TestIngestCutShort sends a part of a body. That is the client's fault, and no error
// of this server.
func TestIngestCutShort(t *testing.T) {
	log := filepath.Join(t.TempDir(), "log")
	s := newSite(t, "log {\n level DEBUG\n output file "+log+" {\n roll_disabled\n }\n}\n"+sqliteStore, both)
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", filepath.Join(s.dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer context.AfterFunc(t.Context(), func() { _ = conn.Close() })()
	cut := strings.TrimSuffix(rawRequest("POST /jobs/job/logs", "localhost", "", "one\ntwo\n"), "two\n")
	if _, err := io.WriteString(conn, cut); err != nil {
		t.Fatal(err)
	}
	if err := conn.(*net.UnixConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil || status(string(answer)) != "400 Bad Request" || !strings.HasSuffix(string(answer), "the body is cut short\n") {
		t.Errorf("%v %s", err, answer)
	}
	written, err := os.ReadFile(log)
	if err != nil || !strings.Contains(string(written), "unexpected EOF") || strings.Contains(string(written), `"level":"error"`) {
		t.Errorf("%v, the log is\n%s", err, written)
	}
}

// TestIngestIn decides who may write.
func TestIngestIn(t *testing.T) {
	anybody, users := Ingest{Public: true}, Ingest{Authenticated: true}
	const here, away = "127.0.0.1:1", "192.0.2.1:1"
	page := http.Header{"Sec-Fetch-Site": {"same-origin"}}
	for _, c := range []struct {
		name, peer string
		header     http.Header
		user       string
		ingest     Ingest
		in         bool
		host       string
	}{
		{name: "this machine", peer: here, in: true},
		{name: "this machine, IPv6", peer: "[::1]:1", in: true},
		{name: "a unix socket", peer: "@", in: true},
		{name: "a stranger", peer: away},
		{name: "a stranger who lies", peer: away, header: http.Header{"X-Forwarded-For": {"127.0.0.1"}}},
		{name: "a user", peer: away, user: "ann", in: true},
		{name: "anybody", peer: away, ingest: anybody, in: true},
		{name: "this machine, where only users may", peer: here, ingest: users},
		{name: "a unix socket, where only users may", peer: "@", ingest: users},
		{name: "a user, where only users may", peer: here, user: "ann", ingest: users, in: true},
		{name: "a page of another site, in a browser here", peer: here, header: http.Header{"Sec-Fetch-Site": {"cross-site"}}, ingest: anybody},
		{name: "the same, in an old browser", peer: here, header: http.Header{"Origin": {"https://evil.org"}}, ingest: anybody},
		{name: "a page of this site", peer: here, header: page, in: true},
		{name: "a page whose name leads here", peer: here, header: page, host: "evil.org:8080"},
		{name: "the same, in an old browser", peer: here, header: http.Header{"Origin": {"http://evil.org:8080"}}, host: "evil.org:8080"},
		{name: "a page of a name that is allowed", peer: here, header: page, in: true, host: "ci.lan:80", ingest: Ingest{AllowedHosts: []string{"ci.lan"}}},
		{name: "a name that is not", peer: here, host: "evil.org", ingest: Ingest{AllowedHosts: []string{"ci.lan"}}},
		{name: "a user, at a name that is not", peer: away, user: "ann", host: "evil.org", ingest: Ingest{AllowedHosts: []string{"ci.lan"}}},
	} {
		repl := caddy.NewReplacer()
		if c.user != "" {
			repl.Set("http.auth.user.id", c.user)
		}
		r := httptest.NewRequest(http.MethodPost, "http://site/jobs/1/logs", nil)
		r = r.WithContext(context.WithValue(r.Context(), caddy.ReplacerCtxKey, repl))
		r.RemoteAddr, r.Host = c.peer, cmp.Or(c.host, "localhost:8080")
		maps.Copy(r.Header, c.header)
		if err := c.ingest.admit(r); (err == nil) != c.in {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// TestIngestThroughProxies has a proxy on this machine, which tells by some header
// that it passes on what others sent; and clients of this machine, which have others.
func TestIngestThroughProxies(t *testing.T) {
	s := newSite(t, sqliteStore, "jobs_ingest\njobs_logs")
	send := func(header string, want int) {
		headers := []string{"Content-Type", "text/plain"}
		if header != "" {
			headers = append(headers, header, "x")
		}
		st := s.open(t, http.MethodPost, "/jobs/job/logs", "a line", headers...)
		if text := st.rest(); st.status != want || want == http.StatusForbidden && !strings.Contains(text, http.CanonicalHeaderKey(header)) {
			t.Errorf("with the header %s: %d %s, want %d", header, st.status, text, want)
		}
		if st := s.open(t, http.MethodPut, "/jobs/job/state", `{"state":"running"}`, headers...); st.status != want {
			t.Errorf("a state, with the header %s: %d, want %d", header, st.status, want)
		}
	}
	for _, header := range []string{
		"Forwarded", "Via", "X-Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Port", "X-Forwarded-Proto", "X-Forwarded-Server",
		"X-Forwarded-Scheme", "X-Forwarded-Prefix", "X-Forwarded-Ssl", "X-Forwarded-Client-Cert", "X-Forward-For", "Forwarded-For", "X-Original-Forwarded-For",
		"X-Original-URL", "X-Original-Host", "X-Rewrite-URL", "X-Real-IP", "X-Real-Port", "X-Client-IP", "Client-IP", "X-Remote-IP", "X-Remote-Addr",
		"X-Cluster-Client-IP", "X-ProxyUser-IP", "Proxy-Client-IP", "WL-Proxy-Client-IP", "Proxy-Connection", "X-Scheme", "X-Host", "X-Url-Scheme",
		"Front-End-Https", "Max-Forwards", "CDN-Loop", "True-Client-IP", "CF-Connecting-IP", "CF-Ray", "CF-Visitor", "Fly-Client-IP", "Fly-Forwarded-Port",
		"Fastly-Client-IP", "Fastly-FF", "Akamai-Origin-Hop", "X-Akamai-Edgescape", "X-Azure-ClientIP", "X-Azure-SocketIP", "X-ARR-LOG-ID",
		"X-Appengine-User-IP", "X-Cloud-Trace-Context", "X-Amzn-Trace-Id", "X-Amz-Cf-Id", "CloudFront-Viewer-Address", "X-Envoy-External-Address",
		"X-Envoy-Expected-Rq-Timeout-Ms", "X-NF-Client-Connection-IP", "X-Vercel-Forwarded-For", "DO-Connecting-IP", "Ali-CDN-Real-IP", "Incap-Client-IP",
		"X-Sucuri-ClientIP", "X-Varnish", "X-BlueCoat-Via", "X-Github-Event", "Remote-User", "X-Auth-Request-User", "X-SSL-Client-Cert", "SSL-Client-Verify",
		"Tailscale-User-Login", "X-Whatever-Comes-Next",
	} {
		send(header, http.StatusForbidden)
	}
	for _, header := range []string{
		"", "Accept", "Accept-Language", "Authorization", "Cache-Control", "Cookie", "Idempotency-Key", "If-None-Match", "Prefer", "Priority", "Referer",
		"Traceparent", "Tracestate", "Baggage", "X-Request-ID", "X-Requested-With", "X-B3-TraceId", "Sentry-Trace", "User-Agent", "Content-Language",
	} {
		send(header, http.StatusOK)
	}
	s.load(t, sqliteStore, "jobs_ingest {\n allow authenticated\n}\njobs_logs")
	st := s.open(t, http.MethodPut, "/jobs/job/state", `{"state":"running"}`)
	if text := st.rest(); st.status != http.StatusForbidden || !strings.Contains(text, "put an authentication handler before jobs_ingest") {
		t.Errorf("from this machine, where only users may: %d %s", st.status, text)
	}
}
