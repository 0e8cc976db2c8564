package e2e

import (
	"net/http/httputil"
	"strings"
	"testing"
)

// TestOwner asks for jobs that are somebody else's, nobody's, and not there: to
// the byte, and to the query, all are alike.
func TestOwner(t *testing.T) {
	t.Parallel()
	a, counter := newCountedApp(t)
	s := start(t, config{
		store: strings.Replace(a.store, "\n }", "\n jobs {\n owner tenant_id\n }\n }", 1),
		logs:  "owner {http.request.header.Tenant}",
	})
	for job, owner := range map[string]any{"hers": "her", "his": "him", "ours": nil, "empty": ""} {
		a.addJob(t, job)
		a.exec(t, `UPDATE vibe_tasks SET tenant_id = $2 WHERE task_id = $1`, job, owner)
		a.log(t, job, 3, job+" line %d")
	}
	ask := func(job, tenant string) (answer string, queries int) {
		t.Helper()
		before := counter.count()
		resp := s.open(t, "GET", "/jobs/"+job+"/logs?follow=false", "", "Tenant", tenant)
		defer resp.Body.Close()
		resp.Header.Del("Date")
		b, err := httputil.DumpResponse(resp, true)
		if err != nil {
			t.Fatal(err)
		}
		return string(b), counter.count() - before
	}
	ask("gone", "her") // the store now knows its tables
	for _, tenant := range []string{"her", "him", "HER", "stranger", ""} {
		want, most := ask("gone", tenant)
		if !strings.HasPrefix(want, "HTTP/1.1 404 ") {
			t.Errorf("an unknown job:\n%s", want)
		}
		for job, owner := range map[string]string{"hers": "her", "his": "him", "ours": "nobody", "empty": "nobody"} {
			if owner == tenant {
				continue
			}
			if got, queries := ask(job, tenant); got != want || queries != most {
				t.Errorf("%s for %q, by %d queries:\n%s\nan unknown one, by %d:\n%s", job, tenant, queries, got, most, want)
			}
		}
		if one := tenant != ""; (most == 1) != one {
			t.Errorf("%q: %d queries", tenant, most)
		}
	}
	if got, _ := ask("hers", "her"); !strings.Contains(got, "hers line 2") {
		t.Errorf("hers, for her:\n%s", got)
	}
}
