package caddyjobs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// exampleLog is the access log of Caddyfile.example, written to a file.
func exampleLog(t *testing.T, file string) string {
	t.Helper()
	example, err := os.ReadFile("Caddyfile.example")
	if err != nil {
		t.Fatal(err)
	}
	block := regexp.MustCompile(`(?ms)^\tlog \{\n.*?^\t\}\n`).FindString(string(example))
	if block == "" {
		t.Fatal("the example has no access log")
	}
	return strings.Replace(block, "log {", "log {\n output file "+unrolled(file), 1)
}

// unrolled is a file that is not rolled: what Caddy rolls files with leaves a
// goroutine behind.
func unrolled(file string) string { return file + " {\n roll_disabled\n}" }

// TestLogsLeakNothing lets viewers in, refuses them, and ends their streams, by
// all that lets anybody in, with all that is logged in two files: the access log
// as the example has it, and everything else, down to debugging.
func TestLogsLeakNothing(t *testing.T) {
	dir := t.TempDir()
	all, access := filepath.Join(dir, "all"), filepath.Join(dir, "access")
	options := "debug\nlog {\n output file " + unrolled(all) + "\n}\n" + often(withLinks(owned))
	body := exampleLog(t, access) + needing(withSecret) + "\nrespond next 299"
	s := newSite(t, options, body)
	logged(t, s, "hers", 1, "running")
	logged(t, s, "his", 1, "completed")
	soon := time.Now().Add(time.Hour)
	good, link := claimed(t, tokenSecret, nil), linkTo(t, "hers", soon)
	bad, over := claimed(t, strings.Repeat("y", 40), nil), linkTo(t, "hers", time.Now())
	basic := "YW5uOnRoZSBwYXNzd29yZA=="
	var watching []*stream
	requests := 0
	ask := func(path string, headers ...string) *stream {
		requests++
		return s.get(t, path, headers...)
	}
	for _, token := range []string{good, bad, "x" + good} {
		for _, job := range []string{"hers", "his", "gone"} {
			ask("/jobs/"+job+"/logs?follow=false", "Authorization", "Bearer "+token)
			ask("/jobs/"+job+"/logs?follow=false", "Cookie", "__Host-jobs="+token+"; jobs-link="+link)
		}
	}
	for _, l := range []string{link, over, link + "x"} {
		for _, query := range []string{"?follow=false&link=" + l, "?link=" + l + "&x=y", "?link=" + l + "&link=" + l, "?%zz&link=" + l, "?a;b&link=" + l, "?lin%6b=" + l} {
			ask("/jobs/hers/logs"+query, "Referer", "http://site/jobs/hers/logs"+query, "Authorization", "Basic "+basic)
		}
		ask("/jobs/his/logs?link="+l, "Cookie", secureCookie+"="+l)
		ask("/elsewhere?link="+l, "Cookie", plainCookie+"="+l, "Authorization", "Bearer "+good)
	}
	short, shortLink := claimed(t, tokenSecret, jwt.MapClaims{"exp": overIn().Unix()}), linkTo(t, "hers", overIn())
	for _, way := range [][]string{
		{"/jobs/hers/logs", "Authorization", "Bearer " + good},
		{"/jobs/hers/logs", "Cookie", "__Host-jobs=" + short},
		{"/jobs/hers/logs?link=" + link, "X", ""},
		{"/jobs/hers/logs?link=" + shortLink, "X", ""},
	} {
		watching = append(watching, ask(way[0], way[1:]...))
	}
	for i, st := range watching {
		if i%2 == 1 {
			st.rest()
		}
	}
	s.load(t, options, strings.Replace(body, tokenSecret, "another secret that signs tokens, of 46 bytes", 1))
	watching[0].rest() // its key is gone
	s.put(t, "hers", "completed")
	watching[2].rest()
	read := func(file string) string {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	eventually(t, "all is logged", func() bool {
		return strings.Count(read(access), `"method":"GET"`) == requests && strings.Count(read(all), `"reason":"auth expired"`) == 3 &&
			strings.Count(read(all), `"msg":"stream ended"`) == strings.Count(read(all), `"msg":"stream begun"`)
	})
	for _, want := range []string{"link=REDACTED", `"status":200`, `"status":401`, `"status":404`, `"Authorization":["REDACTED"]`, `"Cookie":["REDACTED"]`} {
		if !strings.Contains(read(access), want) {
			t.Errorf("the access log has no %s", want)
		}
	}
	for name, secret := range map[string]string{
		"token": good, "token that is over": short, "forged token": bad, "link": link, "link that is over": over, "link that was": shortLink,
		"key of tokens": tokenSecret, "key of links": linkSecret, "password": basic,
	} {
		parts := strings.Split(secret, ".")
		for _, file := range []string{all, access} {
			for _, part := range []string{secret, parts[len(parts)-1]} { // the signature alone, too
				if i := strings.Index(read(file), part); i >= 0 {
					line := read(file)[strings.LastIndex(read(file)[:i], "\n")+1:]
					line, _, _ = strings.Cut(line, "\n")
					t.Errorf("the %s is in the log %s: %s", name, filepath.Base(file), line)
				}
			}
		}
	}
}
