package caddyjobs

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"
)

// TestLinks watches one job by a link, as often as one likes; what it is
// exchanged for does the same.
func TestLinks(t *testing.T) {
	s := newSite(t, withLinks(sqliteStore), needing(withSecret))
	logged(t, s, "hers", 3, "running")
	link := linkTo(t, "hers", time.Now().Add(time.Hour))
	first := s.get(t, "/jobs/hers/logs?link="+link)
	if got := messages(first.until("caught_up")); got != "0 1 2" {
		t.Fatalf("%d, lines %q", first.status, got)
	}
	cookie := strings.Split(first.header.Get("Set-Cookie"), "; ")
	want := []string{"jobs-link=" + link, "Path=/jobs/hers", cookie[2], "HttpOnly", "SameSite=Lax"}
	if len(cookie) != 5 || strings.Join(cookie, "; ") != strings.Join(want, "; ") {
		t.Fatalf("the cookie is %q", cookie)
	}
	var age int
	if _, err := fmt.Sscanf(cookie[2], "Max-Age=%d", &age); err != nil || age > 3600 || age < 3500 {
		t.Errorf("the cookie is kept for %q", cookie[2])
	}
	for range 3 {
		again := s.get(t, "/jobs/hers/logs?link="+link, "Last-Event-ID", "2")
		by := s.get(t, "/jobs/hers/logs", "Last-Event-ID", "2", "Cookie", "x=y; "+cookie[0])
		for _, st := range []*stream{again, by} {
			if got := messages(st.until("caught_up")); st.status != 200 || got != "2" {
				t.Errorf("%d, lines %q", st.status, got)
			}
		}
		if got := by.header.Get("Set-Cookie"); got != "" {
			t.Errorf("who has the cookie is given %q", got)
		}
	}
}

// TestLinksNotGood shows links that are for something else, or over, or not
// ours, in the URL and as cookies: they are refused, and those in the URL alike.
func TestLinksNotGood(t *testing.T) {
	s := newSite(t, withLinks(sqliteStore), needing(withSecret))
	for _, job := range []string{"hers", "his"} {
		logged(t, s, job, 2, "completed")
	}
	soon := time.Now().Add(time.Hour)
	good := linkTo(t, "hers", soon)
	part := strings.Split(good, ".")
	if st := s.get(t, "/jobs/hers/logs?link="+good); st.status != 200 {
		t.Fatalf("the good link: %d", st.status)
	}
	flipped := []byte(good)
	flipped[len(flipped)-9] ^= 1
	for name, c := range map[string]struct{ job, link string }{
		"of another job":    {"his", good},
		"of no job":         {"gone", good},
		"over":              {"hers", linkTo(t, "hers", time.Now())},
		"prolonged":         {"hers", part[0] + "." + fmt.Sprint(soon.Unix()+3600) + "." + part[2]},
		"changed":           {"hers", string(flipped)},
		"cut":               {"hers", good[:len(good)-1]},
		"longer":            {"hers", good + "="},
		"with a space":      {"hers", good + " "},
		"of another secret": {"hers", linkBy(t, strings.Repeat("x", 40), linkScope(""), "hers", soon)},
		"of another store":  {"hers", linkBy(t, linkSecret, linkScope("builds"), "hers", soon)},
		"of another right":  {"hers", linkBy(t, linkSecret, "write:default", "hers", soon)},
		"a token":           {"hers", claimed(t, tokenSecret, nil)},
	} {
		t.Run(name, func(t *testing.T) {
			st := s.get(t, "/jobs/"+c.job+"/logs?link="+url.QueryEscape(c.link))
			if body := st.rest(); st.status != 401 || body != "the link is not good for this job, or has expired\n" || st.header.Get("Set-Cookie") != "" {
				t.Errorf("%d %q %v", st.status, body, st.header)
			}
			for _, name := range []string{plainCookie, secureCookie} {
				if st := s.get(t, "/jobs/"+c.job+"/logs", "Cookie", name+"="+strings.TrimSpace(c.link)); st.status != 401 && c.link != good+" " {
					t.Errorf("as a cookie: %d", st.status)
				}
			}
		})
	}
}

// TestLinkBesides comes with a link and more: one that is good is enough.
func TestLinkBesides(t *testing.T) {
	s := newSite(t, withLinks(owned), "jobs_ingest\njobs_logs {\n owner {http.request.header.Tenant}\n}")
	logged(t, s, "hers", 2, "completed")
	logged(t, s, "his", 2, "completed")
	give(t, s.db, map[string]string{"hers": "her", "his": "him"})
	link := func(job string) string { return linkTo(t, job, time.Now().Add(time.Hour)) }
	for _, c := range []struct {
		path, tenant, cookie string
		status               int
	}{
		{"/jobs/hers/logs?link=" + link("hers"), "", "", 200},
		{"/jobs/hers/logs?link=" + link("hers"), "him", "", 200},
		{"/jobs/hers/logs?link=" + link("his"), "him", "", 401},
		{"/jobs/hers/logs?link=x", "her", plainCookie + "=" + link("hers"), 200},
		{"/jobs/hers/logs", "him", plainCookie + "=" + link("his") + "; " + plainCookie + "=" + link("hers"), 200},
		{"/jobs/hers/logs", "her", plainCookie + "=" + link("his"), 200},
		{"/jobs/hers/logs", "him", plainCookie + "=" + link("his"), 404},
		{"/jobs/gone/logs?link=" + link("gone"), "her", "", 404},
	} {
		if st := s.get(t, c.path, "Tenant", c.tenant, "Cookie", c.cookie); st.status != c.status {
			t.Errorf("%.20s for %q with %.20q: %d, want %d", c.path, c.tenant, c.cookie, st.status, c.status)
		}
	}
}

// TestLinkCookie gives the cookie to browsers by TLS for TLS only, and for the
// job only, wherever the site has its logs.
func TestLinkCookie(t *testing.T) {
	p := &permit{link: "1.2.x", expires: time.Now().Add(time.Minute)}
	for _, c := range []struct {
		handler Logs
		job     string
		path    string
		want    string
	}{
		{Logs{Path: defaultPath}, "a/b", "/jobs/a%2Fb/logs", "/jobs/a%2Fb"},
		{Logs{Path: "/builds/{id}"}, "7", "/builds/7", "/builds/7"},
		{Logs{Path: "/{id}/a/b"}, "7", "/7/a/b", "/7"},
		{Logs{Path: defaultPath}, "7", "/below/jobs/7/logs", "/below/jobs/7"},
		{Logs{Path: defaultPath}, "7", "/x", "/x"},
		{Logs{Path: defaultPath}, "7", "/x/8/logs", "/x/8/logs"},
		{Logs{Path: defaultPath, Job: "{re.api.1}"}, "7", "/api/v2/7/events", "/api/v2/7/events"},
	} {
		r, w := httptest.NewRequest(http.MethodGet, "https://site"+c.path, nil), httptest.NewRecorder()
		keepLink(w, p, c.handler.jobPath(r, c.job), r.TLS != nil)
		want := "__Secure-jobs-link=1.2.x; Path=" + c.want + "; Max-Age=59; HttpOnly; Secure; SameSite=Lax"
		if got := w.Header().Get("Set-Cookie"); got != want || r.TLS == nil {
			t.Errorf("%s: %q, want %q", c.path, got, want)
		}
	}
}
