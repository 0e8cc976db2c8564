package caddyjobs

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// listed are the jobs that an index has: id and state, the newest first.
func (s *site) listed(t *testing.T, path string, headers ...string) (jobs []string) {
	t.Helper()
	st := s.get(t, path, headers...)
	var answer struct{ Jobs []recentJob }
	if text := st.rest(); st.status != http.StatusOK || json.Unmarshal([]byte(text), &answer) != nil {
		t.Fatalf("%s: %d %s", path, st.status, text)
	}
	for _, job := range answer.Jobs {
		jobs = append(jobs, job.ID+" "+job.State)
	}
	return jobs
}

// TestIndex asks for the page of recent jobs, and for what it shows.
func TestIndex(t *testing.T) {
	s := newSite(t, sqliteStore, "jobs_ingest\njobs_logs\njobs_viewer {\n index\n}\nrespond next 299")
	if got := s.get(t, "/jobs/_viewer/recent.json").rest(); got != "{\"jobs\":[]}\n" {
		t.Errorf("without jobs: %s", got)
	}
	eventually(t, "the answer is no longer kept", func() bool {
		s.post(t, "old", "1", "2")
		s.put(t, "silent", "running")
		return len(s.listed(t, "/jobs/_viewer/recent.json")) > 0
	})
	for _, method := range []string{"GET", "HEAD"} {
		st := s.open(t, method, "/jobs/_viewer/recent.json", "")
		h := st.header
		if st.status != 200 || h.Get("Content-Type") != "application/json" || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" ||
			h.Get("Access-Control-Allow-Origin") != "" || h.Get("Cross-Origin-Resource-Policy") != "same-origin" {
			t.Errorf("%s: %d %v", method, st.status, h)
		}
		if body := st.rest(); (body == "") != (method == "HEAD") {
			t.Errorf("%s: %q", method, body)
		}
	}
	if st := s.get(t, "/jobs?a=b"); st.status != 200 || !strings.Contains(st.rest(), "<title>Jobs</title>") {
		t.Errorf("without a slash: %d", st.status)
	}
	for _, path := range []string{"/jobs/", "/jobs", "/jobs/_viewer/recent.json"} {
		if st := s.open(t, http.MethodPost, path, ""); st.status != 299 {
			t.Errorf("POST %s: %d", path, st.status)
		}
	}
	if st := s.get(t, "/jobs/old"); !strings.Contains(st.rest(), "<job-log") {
		t.Error("the page of a job is another one")
	}
}

// TestIndexPage has a policy that lets nothing run but what is in the page.
func TestIndexPage(t *testing.T) {
	s := newSite(t, sqliteStore, "jobs_viewer {\n path /{id}\n index\n}")
	st := s.get(t, "/", "Accept-Encoding", "identity")
	body, policy := st.rest(), st.header.Get("Content-Security-Policy")
	if st.status != 200 || st.header.Get("Content-Type") != "text/html; charset=utf-8" || st.header.Get("Cache-Control") != "no-cache" ||
		st.header.Get("Referrer-Policy") != "no-referrer" {
		t.Errorf("%d %v", st.status, st.header)
	}
	sources := []string{"default-src 'none'", "connect-src 'self'", "base-uri 'none'", "frame-ancestors 'self'", "require-trusted-types-for 'script'; trusted-types 'none'"}
	for _, tag := range []string{`style`, `script type="module"`} {
		_, inner, _ := strings.Cut(body, "<"+tag+">")
		inner, _, _ = strings.Cut(inner, "</"+strings.Fields(tag)[0]+">")
		sum := sha256.Sum256([]byte(inner))
		sources = append(sources, strings.Fields(tag)[0]+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"';")
	}
	for _, part := range sources {
		if !strings.Contains(policy, part) {
			t.Errorf("the policy has no %s: %s", part, policy)
		}
	}
	if inline := regexp.MustCompile(`(?i)<[^>]*\s(style|on\w+)=`).FindString(body); inline != "" {
		t.Errorf("no policy allows %s", inline)
	}
	icon := regexp.MustCompile(`href="([^"]*\.svg)"`).FindStringSubmatch(body)
	if icon == nil || s.get(t, "/"+icon[1]).status != 200 {
		t.Errorf("the icon is %q", icon)
	}
	head := s.open(t, http.MethodHead, "/", "", "Accept-Encoding", "identity")
	if head.status != 200 || head.rest() != "" || head.header.Get("ETag") != st.header.Get("ETag") {
		t.Errorf("HEAD: %d %v", head.status, head.header)
	}
	if again := s.get(t, "/", "Accept-Encoding", "identity", "If-None-Match", st.header.Get("ETag")); again.status != http.StatusNotModified {
		t.Errorf("again: %d", again.status)
	}
}

// TestIndexOff has no index unless it is asked for.
func TestIndexOff(t *testing.T) {
	s := newSite(t, sqliteStore, "jobs_ingest\njobs_viewer\nrespond next 299")
	s.post(t, "job", "line")
	for _, path := range []string{"/jobs", "/jobs/", "/jobs/_viewer/recent.json", "/jobs/_viewer/index.html"} {
		if st := s.get(t, path); st.status != 299 {
			t.Errorf("%s: %d %s", path, st.status, st.rest())
		}
	}
}

// TestIndexOwner shows everybody their own jobs, of another store than the
// default one.
func TestIndexOwner(t *testing.T) {
	s := newSite(t, strings.Replace(owned, "store sqlite", "store sqlite other", 1),
		"jobs_ingest {\n store other\n}\njobs_viewer {\n index\n store other\n owner {http.request.header.Tenant}\n}")
	for _, job := range []string{"hers", "his", "ours", "hers too"} {
		s.post(t, strings.ReplaceAll(job, " ", "%20"), "line")
	}
	s.put(t, "hers", "completed")
	give(t, s.db, map[string]string{"hers": "her", "hers too": "her", "his": "him"})
	for tenant, want := range map[string]string{"her": "hers too queued,hers completed", "him": "his queued", "": "", "Her": "", "stranger": "", "' OR ''='": ""} {
		for range 2 { // of the store, and of what is kept
			if got := strings.Join(s.listed(t, "/jobs/_viewer/recent.json", "Tenant", tenant), ","); got != want {
				t.Errorf("%q gets %s, want %s", tenant, got, want)
			}
		}
	}
	if got := s.listed(t, "/jobs/_viewer/recent.json"); len(got) > 0 {
		t.Errorf("nobody gets %s", got)
	}
}

// TestIndexForeign has pages of others ask with their visitors' credentials, and
// by a name that is not the site's.
func TestIndexForeign(t *testing.T) {
	s := newSite(t, sqliteStore, "jobs_ingest\njobs_viewer {\n index\n allowed_hosts site\n}")
	s.post(t, "job", "line")
	for _, c := range []struct {
		status  int
		headers []string
	}{
		{200, []string{"Sec-Fetch-Site", "same-origin", "Cookie", "a=b"}},
		{403, []string{"Sec-Fetch-Site", "cross-site", "Cookie", "a=b"}},
		{403, []string{"Sec-Fetch-Site", "same-site", "Authorization", "Bearer x"}},
		{403, []string{"Origin", "https://evil.org", "Cookie", "a=b"}},
	} {
		st := s.get(t, "/jobs/_viewer/recent.json", c.headers...)
		if text := st.rest(); st.status != c.status || strings.Contains(text, "job\"") != (c.status == 200) {
			t.Errorf("%q: %d %s", c.headers, st.status, text)
		}
	}
	answer := s.answer(t, "GET /jobs/_viewer/recent.json HTTP/1.1\r\nHost: evil.org\r\nConnection: close\r\n\r\n")
	if !strings.HasPrefix(answer, "HTTP/1.1 421 ") {
		t.Errorf("by another name: %s", answer)
	}
}

// TestIndexDown has a database that cannot be opened.
func TestIndexDown(t *testing.T) {
	s := newSite(t, strings.Replace(sqliteStore, "{db}", "/dev/null", 1), "jobs_viewer {\n index\n}")
	st := s.get(t, "/jobs/_viewer/recent.json")
	if text := st.rest(); st.status != http.StatusServiceUnavailable || st.header.Get("Retry-After") == "" || text != "the jobs cannot be read at the moment\n" {
		t.Errorf("%d %v %s", st.status, st.header, text)
	}
}

// TestIndexBlind has a store that gives what was not asked for, and calls one
// job by two names. The owner is compared again, and the job is shown once.
func TestIndexBlind(t *testing.T) {
	h := ownedHub(t, func(s joblog.Store) joblog.Store { return blind{s} })
	events := []joblog.Event{{ID: 9, Job: "hers", Time: 5}, {ID: 8, Job: "his"}, {ID: 7, Job: "ours"}, {ID: 6, Job: "hers"}, {ID: 5, Job: "gone"}}
	for whose, want := range map[joblog.Ask][]string{
		{AnyOwner: true}:    {"hers", "his", "ours"},
		{Owner: "her"}:      {"hers"},
		{Owner: "stranger"}: nil,
		{}:                  nil,
	} {
		jobs, err := h.shown(events, whose)
		var got []string
		for _, job := range jobs {
			got = append(got, job.ID)
		}
		if err != nil || strings.Join(got, " ") != strings.Join(want, " ") {
			t.Errorf("%+v: %v, %v, want %v", whose, got, err, want)
		}
	}
}

// recentTable is a table that knows its recent jobs, and counts who asks.
type recentTable struct {
	*table
	asked int
}

func (s *recentTable) Recent(context.Context, int) ([]joblog.Event, error) {
	elapse(time.Millisecond)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	return []joblog.Event{{ID: 2, Job: "b"}, {ID: 1, Job: "a"}}, s.fail
}

// TestIndexShared has a thousand visitors ask every three seconds: the store is
// asked once each time, whoever asks, and looked up once an owner.
func TestIndexShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &recentTable{table: &table{state: map[string]string{"a": "running", "b": "completed"}}}
		h := newHub("table", around{s.table, func(joblog.Store) joblog.Store { return s }})
		var visitors sync.WaitGroup
		for i := range 1000 {
			visitors.Go(func() {
				for range 5 {
					jobs, err := h.recents.shown.get(t.Context(), joblog.Ask{AnyOwner: i%2 == 0})
					if want := 2 * (1 - i%2); err != nil || len(jobs) != want || want > 0 && (jobs[0] != recentJob{"b", "completed", true, 2, 0}) {
						t.Errorf("%+v, %v", jobs, err)
					}
					elapse(3 * time.Second)
				}
			})
		}
		visitors.Wait()
		if lookups, _ := s.count(); s.asked != 5 || lookups != 10 {
			t.Errorf("asked %d times, and looked up %d times", s.asked, lookups)
		}
		if n := len(h.recents.shown.kept) + len(h.recents.newest.kept); n > 0 {
			t.Errorf("%d answers are kept", n)
		}
		if err := h.Destruct(); err != nil {
			t.Error(err)
		}
	})
}

// TestAnswersBound has more questions at once than there may be.
func TestAnswersBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := answers[int, int]{bound: 2, run: func(f func()) { go f() }, ask: func(q int) (int, error) {
			elapse(time.Second)
			return q * q, nil
		}}
		get := func(q int, patience time.Duration) error {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			got, err := s.get(ctx, q)
			if err == nil && got != q*q {
				t.Errorf("%d: %d", q, got)
			}
			return err
		}
		for _, c := range []struct {
			q        int
			patience time.Duration
			want     error
		}{
			{2, time.Millisecond, context.DeadlineExceeded}, // it is answered none the less
			{3, time.Millisecond, context.DeadlineExceeded},
			{4, time.Minute, errCrowded},
			{2, time.Minute, nil},
			{4, time.Minute, errCrowded}, // that of 2 is kept
		} {
			if err := get(c.q, c.patience); !errors.Is(err, c.want) {
				t.Errorf("%d: %v, want %v", c.q, err, c.want)
			}
		}
		elapse(fresh + time.Millisecond)
		if err := get(4, time.Minute); err != nil {
			t.Errorf("when they are forgotten: %v", err)
		}
		elapse(fresh)
		synctest.Wait()
	})
}
