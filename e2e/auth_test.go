package e2e

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestBasicAuth runs the README's recipe: users see their own jobs, as long as
// these are theirs.
func TestBasicAuth(t *testing.T) {
	t.Parallel()
	a := newPostgresApp(t)
	s := startRecipe(t, a, recipe(t, "basic_auth", "owner {http.auth.user.id}"))
	a.addJobOf(t, "ann", "hers")
	a.addJobOf(t, "bob", "his")
	const ann, bob = "Basic YW5uOmNvcnJlY3QgaG9yc2U=", "Basic Ym9iOmJhdHRlcnkgc3RhcGxl"
	for job, owner := range map[string]string{"hers": ann, "his": bob} {
		path := "/jobs/" + job + "/logs?follow=false"
		for _, who := range []string{ann, bob} {
			status := http.StatusNotFound
			if who == owner {
				status = http.StatusOK
			}
			s.sees(t, status, path, "Authorization", who)
		}
		s.sees(t, http.StatusUnauthorized, path)
		s.sees(t, http.StatusUnauthorized, path, "Authorization", "Basic YW5uOndyb25n") // ann:wrong
	}
	tr := watch(t, s, s.https+"/jobs/hers/logs", "Authorization", ann)
	tr.awaitLines(t, 3)
	a.give(t, "hers", "bob")
	tr.await(t, "auth_expired", func(now seen) bool { return now.closed && slices.Contains(now.events, "auth_expired") })
	s.sees(t, http.StatusNotFound, "/jobs/hers/logs?follow=false", "Authorization", ann)
	s.sees(t, http.StatusOK, "/jobs/hers/logs?follow=false", "Authorization", bob)
}

// TestPreflights runs the README's recipe: a browser may ask without the password
// whether a page may send it, and nobody gets anything else without.
func TestPreflights(t *testing.T) {
	t.Parallel()
	a := newPostgresApp(t)
	s := startRecipe(t, a, recipe(t, "basic_auth", "cors https://app.example.com"))
	a.addJobOf(t, "ann", "hers")
	const path, ann = "/jobs/hers/logs?follow=false", "Basic YW5uOmNvcnJlY3QgaG9yc2U="
	from := func(origin string, more ...string) []string {
		return append([]string{"Origin", origin, "Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "cors"}, more...)
	}
	asks := []string{"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization"}
	for _, c := range []struct {
		method, origin, allowed string
		asks                    []string
		status                  int
	}{
		{http.MethodOptions, "https://app.example.com", "Accept, Authorization, Cache-Control, Last-Event-ID", asks, http.StatusNoContent},
		{http.MethodOptions, "https://evil.org", "", asks, http.StatusOK},
		{http.MethodOptions, "https://app.example.com", "", nil, http.StatusOK},
		{http.MethodGet, "https://app.example.com", "", asks, http.StatusUnauthorized},
		{http.MethodHead, "https://app.example.com", "", asks, http.StatusUnauthorized},
		{"options", "https://app.example.com", "", asks, http.StatusUnauthorized},
	} {
		for _, job := range []string{"hers", "nobodys"} {
			resp := s.open(t, c.method, s.https+"/jobs/"+job+"/logs", "", from(c.origin, c.asks...)...)
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			allowed := resp.Header.Get("Access-Control-Allow-Headers")
			if err != nil || resp.StatusCode != c.status || allowed != c.allowed || len(body) > 0 {
				t.Errorf("%s from %s %q: %v, %d, %q is allowed, %q", c.method, c.origin, c.asks, err, resp.StatusCode, allowed, body)
			}
		}
	}
	s.sees(t, http.StatusOK, path, from("https://app.example.com", "Authorization", ann)...)
	s.sees(t, http.StatusUnauthorized, path, from("https://app.example.com")...)
	s.sees(t, http.StatusForbidden, path, from("https://evil.org", "Authorization", ann)...)
}

// asking is the README's recipe, which asks an application.
func asking(t *testing.T, api *api) string {
	t.Helper()
	return changed(t, recipe(t, "forward_auth"), "localhost:3001", "localhost:"+api.port())
}

// TestForwardAuth has an application say who may watch, in both of the ways that
// the README has, and clients that say themselves who they are.
func TestForwardAuth(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string][]string{
		"placeholder": nil,
		"header":      {"uri /may-watch\n", "uri /may-watch\n copy_headers Tenant\n", "{rp.header.Tenant}", "{header.Tenant}"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, api := newPostgresApp(t), newAPI(t)
			s := startRecipe(t, a, changed(t, asking(t, api), changes...))
			for job, tenant := range map[string]string{"hers": "hers", "his": "his", "..": "his", "a/b": "his"} {
				a.addJobOf(t, tenant, job)
			}
			testWhoMayWatch(t, s, api)
		})
	}
}

func testWhoMayWatch(t *testing.T, s *server, api *api) {
	const hers, his = "/jobs/hers/logs?follow=false", "/jobs/his/logs?follow=false"
	api.forget()
	s.sees(t, http.StatusOK, hers, "Cookie", "session=hers")
	if asked := api.forget(); !slices.Equal(asked, []string{"GET " + hers}) {
		t.Errorf("the application was asked %q", asked)
	}
	s.sees(t, http.StatusOK, his, "Cookie", "session=his")
	s.sees(t, http.StatusNotFound, his, "Cookie", "session=hers")
	s.sees(t, http.StatusNotFound, hers, "Cookie", "session=mute")
	if body := s.sees(t, http.StatusForbidden, hers); body != "sign in\n" {
		t.Errorf("the application's answer comes as %q", body)
	}
	for _, header := range []string{"Tenant", "tenant", "TENANT", "X-Forwarded-Tenant"} {
		s.sees(t, http.StatusForbidden, his, header, "his")
		for _, session := range []string{"hers", "mute"} {
			s.sees(t, http.StatusNotFound, his, "Cookie", "session="+session, header, "his")
			s.sees(t, http.StatusNotFound, his, "Cookie", "session="+session, header, "his", header, "his")
			if got := curl(t, s.https+his, "--cacert", s.root(), "--http1.1", "-w", "%{http_code}",
				"-H", "Cookie: session="+session, "-H", header+": his", "-H", "Connection: "+header); !strings.HasSuffix(got, "\n404") {
				t.Errorf("with Connection: %s: %q", header, got)
			}
		}
		s.sees(t, http.StatusOK, hers, "Cookie", "session=hers", header, "his")
	}
	for _, path := range []string{
		"/jobs/%2e%2e/logs", "/jobs/a%2Fb/logs", "//jobs/his/logs", "/%6aobs/his/logs", "/JOBS/his/logs", "/jobs/his/logs/",
		"/jobs/his%2F..%2Fhis/logs", "/x/../jobs/his/logs", "/jobs/his/logs%2F..",
	} {
		if _, body := s.do(t, http.MethodGet, s.https+path+"?follow=false", "", "Tenant", "his"); strings.Contains(body, " line ") {
			t.Errorf("%s leads past the application: %q", path, body)
		}
	}
}

// TestForwardAuthOnce has an application go while viewers watch that it has let
// in: it is asked once for each, over one connection, and they need it no more.
func TestForwardAuthOnce(t *testing.T) {
	t.Parallel()
	a, api := newPostgresApp(t), newAPI(t)
	s := startRecipe(t, a, asking(t, api))
	a.addJobOf(t, "hers", "job")
	api.set(func() { api.asked, api.connections = nil, 0 })
	url := s.https + "/jobs/job/logs"
	var watching []*transcript
	for range 3 {
		watching = append(watching, watch(t, s, url, "Cookie", "session=hers"), startCurl(t, s, url, "--http1.1", "-H", "Cookie: session=hers"))
		for _, tr := range watching {
			tr.awaitLines(t, 3)
		}
	}
	if asked := api.forget(); len(asked) != len(watching) {
		t.Errorf("%d viewers were asked for %d times", len(watching), len(asked))
	}
	api.set(func() {
		if api.connections > 1 {
			t.Errorf("there were %d connections to the application", api.connections)
		}
	})
	api.down()
	a.log(t, "job", 3, "without the application %d")
	for _, tr := range watching {
		tr.awaitLines(t, 6)
	}
	a.setState(t, "job", "completed")
	for _, tr := range watching {
		tr.awaitEnd(t, "completed", a.rows(t, "job"))
	}
	if asked := api.forget(); len(asked) != 0 {
		t.Errorf("the application was asked %q again", asked)
	}
	if *parkingFlag == "on" && !strings.Contains(s.logged(t), `"parked":true`) {
		t.Error("no stream behind forward_auth was parked")
	}
}

// TestForwardAuthDown has viewers come while the application is away, and while
// it has a bad day: pages are told to come again, and do.
func TestForwardAuthDown(t *testing.T) {
	t.Parallel()
	a, api := newPostgresApp(t), newAPI(t)
	s := startRecipe(t, a, asking(t, api))
	a.addJobOf(t, "hers", "job")
	a.setState(t, "job", "completed")
	want := a.rows(t, "job")
	const path = "/jobs/job/logs"
	refused := func(status int) {
		t.Helper()
		if got, body := s.do(t, http.MethodGet, s.https+path, ""); got != status || body != "" {
			t.Errorf("others get %d %q, want %d", got, body, status)
		}
		const page = "200 text/event-stream\nretry: 10000\n\nevent: error\ndata: {\"reason\":\"whether you may watch cannot be told at the moment\"}\n\n"
		resp := s.open(t, http.MethodGet, s.https+path, "", "Accept", "text/event-stream")
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if got := fmt.Sprintf("%d %s\n%s", resp.StatusCode, resp.Header.Get("Content-Type"), body); err != nil || got != page {
			t.Errorf("pages get %q (%v), want %q", got, err, page)
		}
	}
	api.set(func() { api.status = http.StatusInternalServerError })
	refused(http.StatusServiceUnavailable)
	api.set(func() { api.status, api.open = 0, true })
	api.down()
	refused(http.StatusBadGateway)
	tr := startNode(t, s, s.https+path)
	tr.await(t, "answer", func(now seen) bool { return len(now.responses) > 0 })
	api.up()
	tr.awaitEnd(t, "completed", want)
	if now, _ := tr.look(); !slices.Equal(now.responses, []int{http.StatusOK, http.StatusOK}) {
		t.Errorf("it got the responses %v", now.responses)
	}
	api.set(func() { api.status = http.StatusForbidden })
	tr = startNode(t, s, s.https+path)
	if got := tr.await(t, "end", func(now seen) bool { return now.closed }); fmt.Sprint(got.responses) != "[403]" {
		t.Errorf("who may not watch got the responses %v", got.responses)
	}
}
