package e2e

import (
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"
)

const (
	linkKey    = "JOBS_LINK_KEY=a key of links, which has 32 bytes"
	newLinkKey = "NEW_LINK_KEY=a newer key of links, of 35 bytes.."
)

// link is what `caddy jobs link` prints, with the server's config.
func (s *server) link(t *testing.T, job, file string, more ...string) string {
	t.Helper()
	cmd := command(t, s.binary, s.home, append([]string{"jobs", "link", job, "--ttl", "1h", "--config", file, "--adapter", "caddyfile", "--base", s.https}, more...)...)
	cmd.Env = append(cmd.Env, s.env...)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("caddy jobs link: %v\n%s", err, out)
	}
	return strings.TrimSuffix(string(out), "\n")
}

// TestLinks runs the README's recipe: a link that the command has printed lets
// curl in, and then its cookie does, to that job only; pages reconnect by it.
func TestLinks(t *testing.T) {
	t.Parallel()
	a := newPostgresApp(t)
	s := startRecipe(t, a, recipe(t, "links {env.JOBS_LINK_KEY}"), linkKey, "JOBS_TOKEN_KEY="+tokenKey)
	a.addJobOf(t, "", "hers")
	a.addJobOf(t, "", "his")
	link := s.link(t, "hers", s.caddyfile())
	if !strings.HasPrefix(link, s.https+"/jobs/hers/logs?link=1.") {
		t.Fatalf("the link is %s", link)
	}
	_, signature, _ := strings.Cut(link, "?link=")
	testLinkInCurl(t, s, link)

	const path = "/jobs/hers/logs?follow=false"
	s.sees(t, http.StatusOK, path+"&link="+signature) // replayed
	s.sees(t, http.StatusOK, path, "Cookie", "__Secure-jobs-link="+signature)
	s.sees(t, http.StatusUnauthorized, "/jobs/his/logs?follow=false&link="+signature)
	s.sees(t, http.StatusUnauthorized, "/jobs/his/logs?follow=false", "Cookie", "__Secure-jobs-link="+signature)
	s.sees(t, http.StatusUnauthorized, path)
	s.sees(t, http.StatusUnauthorized, path+"&link="+signature[:len(signature)-1]+"_")
	s.sees(t, http.StatusUnauthorized, path, "Cookie", "__Secure-jobs-link=x", "Authorization", "Bearer "+signature)
	all := token(t, jwt.SigningMethodHS256, []byte(tokenKey), jwt.MapClaims{"jobs": "*"})
	s.sees(t, http.StatusOK, path, "Authorization", "Bearer "+all)
	s.sees(t, http.StatusUnauthorized, "/jobs/his/logs?follow=false&link="+signature, "Authorization", "Bearer "+all)

	r := newRelay(t, strings.TrimPrefix(s.https, "https://localhost"))
	tr := startNode(t, s, strings.Replace(link, s.https, "https://localhost:"+r.port(), 1))
	tr.awaitLines(t, 3)
	r.cut()
	a.log(t, "hers", 3, "after the cut %d")
	tr.awaitLines(t, 6)
	a.setState(t, "hers", "completed")
	tr.awaitEnd(t, "completed", a.rows(t, "hers"))
	if now, _ := tr.look(); !slices.Equal(now.responses, []int{http.StatusOK, http.StatusOK}) {
		t.Errorf("it got the responses %v", now.responses)
	}
	if log := s.logged(t); !strings.Contains(log, "link=REDACTED") || strings.Contains(log, signature[strings.LastIndex(signature, "."):]) {
		t.Error("the log has the link, or nothing in its place")
	}
}

// testLinkInCurl exchanges a link for a cookie, which is for its job's path.
func testLinkInCurl(t *testing.T, s *server, link string) {
	t.Helper()
	jar := filepath.Join(t.TempDir(), "cookies")
	with := func(url, flag string) string {
		return curl(t, url, flag, jar, "--cacert", s.root(), "-w", "%{http_code}", "-H", "Accept: text/plain")
	}
	const lines = "hers line 0\nhers line 1\nhers line 2\n"
	if got := with(link+"&follow=false", "-c"); got != lines+"200" {
		t.Errorf("with the link: %q", got)
	}
	if got := with(s.https+"/jobs/hers/logs?follow=false", "-b"); got != lines+"200" {
		t.Errorf("with the cookie: %q", got)
	}
	for _, url := range []string{s.https + "/jobs/his/logs?follow=false", s.http + "/jobs/hers/logs?follow=false"} {
		if got := with(url, "-b"); strings.Contains(got, " line ") || url[:5] == "https" && !strings.HasSuffix(got, "401") {
			t.Errorf("%s with the cookie: %q", url, got)
		}
	}
}

// TestLinksBesideAuth runs the README's recipe of links that lead past
// authentication: good ones do, and nothing else does.
func TestLinksBesideAuth(t *testing.T) {
	t.Parallel()
	a := newPostgresApp(t)
	text := "{\n\tjobs {\n\t\tlinks {env.NEW_LINK_KEY} {env.JOBS_LINK_KEY}\n\t}\n}\n\n" + recipe(t, "@unlinked")
	s := startRecipe(t, a, text, linkKey, newLinkKey)
	a.addJobOf(t, "", "hers")
	a.addJobOf(t, "", "his")
	const path = "/jobs/hers/logs?follow=false"
	former := filepath.Join(s.home, "former")
	if err := os.WriteFile(former, []byte("{\n\tjobs {\n\t\tlinks {env.JOBS_LINK_KEY}\n\t}\n}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	current := s.link(t, "hers", s.caddyfile())
	old := s.link(t, "hers", former)
	for _, link := range []string{current, old} {
		s.sees(t, http.StatusOK, strings.TrimPrefix(link, s.https)+"&follow=false")
		s.sees(t, http.StatusUnauthorized, strings.Replace(strings.TrimPrefix(link, s.https), "hers", "his", 1))
	}
	if current == old {
		t.Error("the link is not by the first key")
	}
	_, signature, _ := strings.Cut(current, "?link=")
	for _, query := range []string{"", "&link=x", "&Link=" + signature, "&link=" + signature + "&link=x", "&;link=x", "&link=%zz", "&link"} {
		if status, body := s.do(t, http.MethodGet, s.https+path+query, ""); status != http.StatusUnauthorized && status != http.StatusBadRequest || strings.Contains(body, " line ") {
			t.Errorf("%q leads past authentication: %d %q", query, status, body)
		}
	}
	for _, cookie := range []string{"__Secure-jobs-link=" + signature, "jobs-link=x", "link=" + signature} {
		s.sees(t, http.StatusUnauthorized, path, "Cookie", cookie)
	}
	s.sees(t, http.StatusOK, path, "Authorization", "Basic YW5uOmNvcnJlY3QgaG9yc2U=")
}
