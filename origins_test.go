package caddyjobs

import (
	"net/http"
	"strings"
	"testing"
)

// shared is a site whose streams the pages of one origin may read.
const shared = "jobs_ingest\njobs_logs {\n cors https://app.example.com\n}\nrespond next 299"

// strangers are origins that are not https://app.example.com.
var strangers = []string{
	"null", "https://evil.org", "http://app.example.com", "https://app.example.com:8443", "https://app.example.com.evil.org",
	"https://evil-app.example.com", "https://evil.app.example.com", "https://example.com", "https://app.example.com/", "https://APP.example.com",
	"https://app.example.com evil.org", "https://app.example.com, https://evil.org", "https://app.example.com@evil.org", "https://app-example.com", "*",
}

// TestOriginSpoof has pages of origins that look like the one allowed read, ask
// whether they may, and open streams with their visitors' credentials.
func TestOriginSpoof(t *testing.T) {
	s := newSite(t, sqliteStore, shared)
	logged(t, s, "job", 1, "completed")
	preflight := []string{"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,last-event-id"}
	for _, origin := range append(strangers, "") {
		cross := []string{"Origin", origin, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}
		for name, st := range map[string]*stream{
			"without credentials":  s.get(t, "/jobs/job/logs", cross...),
			"with a cookie":        s.get(t, "/jobs/job/logs", append(cross, "Cookie", "a=b")...),
			"with a token":         s.get(t, "/jobs/job/logs", append(cross, "Authorization", "Bearer x")...),
			"of the same site":     s.get(t, "/jobs/job/logs", "Origin", origin, "Sec-Fetch-Site", "same-site", "Cookie", "a=b"),
			"as a frame":           s.get(t, "/jobs/job/logs", "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "iframe", "Cookie", "a=b"),
			"in an old browser":    s.get(t, "/jobs/job/logs", "Origin", origin, "Cookie", "a=b"),
			"asking whether":       s.open(t, http.MethodOptions, "/jobs/job/logs", "", append(preflight, cross...)...),
			"asking for a mistake": s.get(t, "/jobs/job/logs?x=y", append(cross, "Cookie", "a=b")...),
		} {
			want := 403
			switch {
			case name == "without credentials", name == "in an old browser" && origin == "":
				want = 200
			case name == "asking whether":
				want = 299
			}
			body := st.rest()
			if st.status != want || want == 403 && strings.Contains(body, "line 0") {
				t.Errorf("%q %s: %d %q, want %d", origin, name, st.status, body, want)
			}
			for header := range st.header {
				if strings.HasPrefix(header, "Access-Control-") {
					t.Errorf("%q %s: %s is %q", origin, name, header, st.header.Get(header))
				}
			}
		}
	}
}

// TestOrigins lets in pages that are allowed, those of the site itself, and who
// follows a link, with credentials.
func TestOrigins(t *testing.T) {
	s := newSite(t, sqliteStore, shared)
	logged(t, s, "job", 1, "completed")
	const allowed = "https://app.example.com"
	for name, c := range map[string]struct {
		headers []string
		allowed string
	}{
		"allowed":             {[]string{"Origin", allowed, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, allowed},
		"of the same site":    {[]string{"Origin", allowed, "Sec-Fetch-Site", "same-site", "Sec-Fetch-Mode", "cors"}, allowed},
		"in an old browser":   {[]string{"Origin", allowed}, allowed},
		"of the site itself":  {[]string{"Sec-Fetch-Site", "same-origin"}, ""},
		"typed":               {[]string{"Sec-Fetch-Site", "none", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, ""},
		"a link":              {[]string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate", "Sec-Fetch-Dest", "document"}, ""},
		"itself, old browser": {[]string{"Origin", "http://site"}, ""},
		"no browser":          {[]string{"X", ""}, ""},
	} {
		st := s.get(t, "/jobs/job/logs", append(c.headers, "Cookie", "a=b", "Authorization", "Basic eDp5")...)
		credentials := map[bool]string{true: "true"}[c.allowed != ""]
		if st.status != 200 || messages(st.rest()) != "0" || st.header.Get("Access-Control-Allow-Origin") != c.allowed ||
			st.header.Get("Access-Control-Allow-Credentials") != credentials || st.header.Get("Vary") != "Origin" ||
			st.header.Get("Access-Control-Expose-Headers") != map[bool]string{true: "Date, Retry-After"}[c.allowed != ""] {
			t.Errorf("%s: %d %v", name, st.status, st.header)
		}
	}
}

// TestPreflight answers a browser once for all streams, without looking for the
// job, and says neither more nor less than a page needs.
func TestPreflight(t *testing.T) {
	s := newSite(t, sqliteStore, strings.Replace(needing(withSecret), "jobs_logs {", "jobs_logs {\n cors https://app.example.com", 1))
	st := s.open(t, http.MethodOptions, "/jobs/gone/logs", "", "Origin", "https://app.example.com",
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,last-event-id", "Sec-Fetch-Site", "cross-site")
	if body := st.rest(); st.status != 204 || body != "" {
		t.Errorf("%d %q", st.status, body)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin": "https://app.example.com", "Access-Control-Allow-Credentials": "true",
		"Access-Control-Allow-Methods": "GET, HEAD", "Access-Control-Allow-Headers": "Accept, Authorization, Cache-Control, Last-Event-ID",
		"Access-Control-Max-Age": "7200", "Vary": "Origin", "Access-Control-Expose-Headers": "", "Set-Cookie": "",
	} {
		if got := st.header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	// What the page then asks is judged as ever, and it may read the refusal.
	st = s.get(t, "/jobs/gone/logs", "Origin", "https://app.example.com", "Sec-Fetch-Site", "cross-site", "Authorization", "Bearer x")
	if st.status != 401 || st.header.Get("Access-Control-Allow-Origin") != "https://app.example.com" {
		t.Errorf("%d %v", st.status, st.header)
	}
}
