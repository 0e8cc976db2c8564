package caddyjobs

import (
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
)

// change makes changes to a database in one transaction, as its application does.
func change(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path+"?_txlock=immediate&_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(t.Context(), s); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// anew deletes a job and its rows, and makes it again: in a state, for an owner,
// with rows that have some ids.
func anew(job, state, owner string, ids ...int64) []string {
	statements := []string{
		`DELETE FROM vibe_events WHERE task_id = '` + job + `'`, `DELETE FROM vibe_tasks WHERE task_id = '` + job + `'`,
		fmt.Sprintf(`INSERT INTO vibe_tasks (task_id, execution_state, tenant_id) VALUES ('%s', '%s', '%s')`, job, state, owner),
	}
	for i, id := range ids {
		statements = append(statements, fmt.Sprintf(`INSERT INTO vibe_events (event_id, task_id, event_message, event_time)
			VALUES (%d, '%s', 'of the new %d', 1234567890)`, id, job, i))
	}
	return statements
}

// byTenant shows whoever asks what is theirs.
const byTenant = "jobs_ingest\njobs_logs {\n owner {http.request.header.Tenant}\n}\njobs_viewer {\n index\n}"

// TestMadeAgain has a job that somebody watches deleted, with its log, and made
// again: who comes then gets the log that it now has, and no line of the other one.
func TestMadeAgain(t *testing.T) {
	for name, c := range map[string]struct {
		state, owner string
		ids          []int64
		identical    bool // the job's row is as it was
	}{
		"ended, another owner":          {"completed", "t2", []int64{11, 12, 13}, false},
		"ended, another owner, its ids": {"completed", "t2", []int64{1, 2, 3}, false},
		"ended, its owner":              {"completed", "t1", []int64{11, 12, 13}, false},
		"ended, its owner and ids":      {"completed", "t1", []int64{1, 2, 3}, false},
		"ended, the very same row":      {"completed", "t1", []int64{11, 12, 13}, true},
		"ended, the very same, its ids": {"completed", "t1", []int64{1, 2, 3}, true},
		"another end":                   {"failed", "t1", []int64{11, 12, 13}, false},
		"started again":                 {"running", "t1", []int64{11, 12, 13}, false},
		"without a row":                 {"completed", "t2", nil, false},
		"running, another owner":        {"running", "t2", []int64{11, 12, 13}, false},
		"running, the very same row":    {"running", "t1", []int64{1, 2, 3}, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, owned, byTenant)
			s.post(t, "nightly", "of the old 0", "of the old 1", "of the old 2")
			s.put(t, "nightly", c.state)
			give(t, s.db, map[string]string{"nightly": "t1"})
			if c.identical {
				change(t, s.db, `UPDATE vibe_tasks SET created_at = NULL, updated_at = NULL`)
			}
			slow := s.get(t, "/jobs/nightly/logs", "Tenant", "t1")
			slow.until("of the old 2")
			change(t, s.db, anew("nightly", c.state, c.owner, c.ids...)...)
			for range 2 { // the second finds what the first has left in memory
				got := s.get(t, "/jobs/nightly/logs?follow=false", "Tenant", c.owner).rest()
				if strings.Contains(got, "of the old") || strings.Count(got, "of the new") != len(c.ids) {
					t.Errorf("it got %q", got)
				}
			}
			if st := s.get(t, "/jobs/nightly/logs?follow=false", "Tenant", "t1"); (st.status == http.StatusNotFound) != (c.owner == "t2") {
				t.Errorf("t1 comes again: %d", st.status)
			}
		})
	}
}

// judged waits until the guard has asked for all watched jobs once more: it deletes
// one that is watched for this.
func (s *site) judged(t *testing.T) {
	t.Helper()
	s.post(t, "witness", "one")
	st := s.get(t, "/witness/witness")
	st.until("caught_up")
	change(t, s.db, `DELETE FROM vibe_tasks WHERE task_id = 'witness'`)
	if got := st.rest(); !strings.Contains(got, toldAgain) {
		t.Fatalf("the stream of a job that is gone ended with %q", got)
	}
}

// witnessed is a handler of whose jobs anybody may see all.
const witnessed = "\njobs_logs {\n path /witness/{id}\n}\n"

// TestDeleted has jobs deleted while they are watched, with owners and without: the
// streams end, and who comes again finds none.
func TestDeleted(t *testing.T) {
	for name, body := range map[string]string{"anybody": "jobs_ingest\njobs_logs", "owner": byTenant} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, often(owned), body)
			s.post(t, "nightly", "one")
			give(t, s.db, map[string]string{"nightly": "t1"})
			streams := []*stream{s.get(t, "/jobs/nightly/logs", "Tenant", "t1"), s.get(t, "/jobs/nightly/logs?format=ndjson", "Tenant", "t1")}
			for _, st := range streams {
				st.until("one")
			}
			change(t, s.db, `DELETE FROM vibe_events`, `DELETE FROM vibe_tasks`)
			for i, st := range streams {
				if got, want := st.rest(), []string{toldAgain, `{"type":"bye"}`}[i]; !strings.Contains(got, want) {
					t.Errorf("it ended with %q", got)
				}
				if again := s.get(t, "/jobs/nightly/logs", "Tenant", "t1", "Last-Event-ID", "1"); again.status != http.StatusNotFound {
					t.Errorf("who comes again: %d", again.status)
				}
			}
		})
	}
}

// TestMadeAgainLive has a running job made again while it is watched: the stream
// ends, and who comes again is told of the gap and gets the new log.
func TestMadeAgainLive(t *testing.T) {
	for name, owner := range map[string]string{"its owner": "t1", "another owner": "t2"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, often(owned), byTenant+witnessed)
			s.post(t, "nightly", "of the old 0", "of the old 1")
			give(t, s.db, map[string]string{"nightly": "t1"})
			st, guest := s.get(t, "/jobs/nightly/logs", "Tenant", "t1"), s.get(t, "/witness/nightly")
			st.until("caught_up")
			guest.until("caught_up")
			change(t, s.db, anew("nightly", "running", owner, 11, 12)...)
			for _, st := range []*stream{st, guest} {
				if got := st.rest(); !strings.Contains(got, toldAgain) && !strings.Contains(got, toldOver) {
					t.Errorf("it ended with %q", got)
				}
			}
			again := s.get(t, "/jobs/nightly/logs", "Tenant", "t1", "Last-Event-ID", "2")
			if owner != "t1" {
				if again.status != http.StatusNotFound {
					t.Errorf("who comes again: %d", again.status)
				}
				again = s.get(t, "/witness/nightly", "Last-Event-ID", "2")
			}
			if got := again.until("caught_up"); !strings.Contains(got, "event: gap\n") || strings.Count(got, "of the new") != 2 {
				t.Errorf("who comes again gets %q", got)
			}
			s.post(t, "nightly", "the next")
			if got := again.until("the next"); strings.Contains(got, toldAgain) {
				t.Errorf("the new life ended with %q", got)
			}
			more := s.get(t, "/witness/nightly", "Last-Event-ID", "12")
			if got := more.until("the next"); strings.Contains(got, "event: gap\n") {
				t.Errorf("who has seen the new log is told %q", got)
			}
		})
	}
}

// TestMadeAgainEmpty has a job be made again that completes without a row. Its ids are
// distinct from those of the job before, though none is above them: its clients receive
// the end once.
func TestMadeAgainEmpty(t *testing.T) {
	s := newSite(t, often(owned), byTenant+witnessed)
	s.post(t, "nightly", "of the old 0", "of the old 1")
	st := s.get(t, "/witness/nightly")
	st.until("caught_up")
	change(t, s.db, anew("nightly", "completed", "t1")...)
	st.rest()
	again := s.get(t, "/witness/nightly", "Last-Event-ID", "2").rest()
	if !strings.Contains(again, "event: gap\n") || !strings.Contains(again, `"type":"complete"`) {
		t.Fatalf("a client that reconnects receives %q", again)
	}
	ids := regexp.MustCompile(`(?m)^id: (.*)$`).FindAllStringSubmatch(again, -1)
	last := ids[len(ids)-1][1]
	if st := s.get(t, "/witness/nightly", "Last-Event-ID", last); st.status != http.StatusNoContent {
		t.Errorf("after %s: %d %q", last, st.status, st.rest())
	}
	s.post(t, "nightly", "a late row")
	if got := s.get(t, "/witness/nightly", "Last-Event-ID", last).rest(); strings.Count(got, "a late row") != 1 || strings.Contains(got, "event: gap\n") {
		t.Errorf("after %s, later: %q", last, got)
	}
}

// TestStays changes a running job that is watched in all ways that do not make it
// another one: its stream goes on.
func TestStays(t *testing.T) {
	for name, changes := range map[string][]string{
		"state":             {`UPDATE vibe_tasks SET execution_state = 'paused'`},
		"old rows":          {`DELETE FROM vibe_events WHERE event_id < 3`, `UPDATE vibe_tasks SET updated_at = 5`},
		"all rows":          {`DELETE FROM vibe_events`},
		"a text":            {`UPDATE vibe_events SET event_message = 'redacted' WHERE event_id = 3`, `UPDATE vibe_tasks SET updated_at = 5`},
		"all rows, a state": {`DELETE FROM vibe_events`, `--`, `UPDATE vibe_tasks SET updated_at = 5`},
		"another owner":     {`UPDATE vibe_tasks SET tenant_id = 't2'`},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, often(owned), "jobs_ingest\njobs_logs"+witnessed)
			for i := range 3 {
				s.post(t, "nightly", fmt.Sprint("line ", i))
			}
			st := s.get(t, "/jobs/nightly/logs")
			st.until("caught_up")
			s.judged(t)
			for _, c := range changes {
				if c == "--" {
					s.judged(t)
				} else {
					change(t, s.db, c)
				}
			}
			s.judged(t)
			s.post(t, "nightly", "the next")
			if got := st.until("the next"); strings.Contains(got, "event: ") {
				t.Errorf("it was told %q", got)
			}
		})
	}
}

// TestCacheOff changes rows while they are watched: with cache off, who comes gets
// what is there.
func TestCacheOff(t *testing.T) {
	s := newSite(t, strings.Replace(sqliteStore, "jobs {", "jobs {\n cache off", 1), both)
	s.post(t, "job", "one", "two", "three")
	s.get(t, "/jobs/job/logs").until("caught_up")
	change(t, s.db, `UPDATE vibe_events SET event_message = 'redacted' WHERE event_message = 'two'`, `DELETE FROM vibe_events WHERE event_message = 'one'`)
	if got := s.get(t, "/jobs/job/logs?follow=false").rest(); strings.Contains(got, "one") || strings.Contains(got, "two") || !strings.Contains(got, "redacted") {
		t.Errorf("it got %q", got)
	}
}

// admin asks the admin API.
func admin(t *testing.T, method, path string) (status int, text string) {
	t.Helper()
	mux := http.NewServeMux()
	for _, route := range (adminAPI{}).Routes() {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if err := route.Handler.ServeHTTP(w, r); err != nil {
				var refused caddy.APIError
				if !errors.As(err, &refused) {
					t.Error(err)
				}
				w.WriteHeader(refused.HTTPStatus)
				_, _ = fmt.Fprint(w, refused.Err)
			}
		})
	}
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, http.NoBody))
	return w.Code, w.Body.String()
}

// TestForget changes rows of jobs that are watched and of one that has ended, and
// has them forgotten: who comes gets what is there.
func TestForget(t *testing.T) {
	const odd = "a//b %/../c"
	for name, c := range map[string]struct {
		path   string
		status int
		fresh  []string // the jobs that are forgotten
	}{
		"all":              {"/jobs/cache", 204, []string{"live", "ended", odd}},
		"of a store":       {"/jobs/cache?store=default", 204, []string{"live", "ended", odd}},
		"of another":       {"/jobs/cache?store=elsewhere", 404, nil},
		"live":             {"/jobs/cache/live", 204, []string{"live"}},
		"ended":            {"/jobs/cache/ended?store=default", 204, []string{"ended"}},
		"a job of another": {"/jobs/cache/ended?store=elsewhere", 404, nil},
		"odd":              {"/jobs/cache/a%2F%2Fb%20%25%2F..%2Fc", 204, []string{odd}},
		"unknown":          {"/jobs/cache/unknown", 204, nil},
		"no id":            {"/jobs/cache/", 400, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, sqliteStore, both)
			s.post(t, "first", "makes the tables")
			jobs := map[string]string{"live": "running", "ended": "completed", odd: "completed"}
			path := func(job string) string { return "/jobs/" + url.PathEscape(job) + "/logs" }
			for job, state := range jobs {
				change(t, s.db, fmt.Sprintf(`INSERT INTO vibe_tasks (task_id, execution_state) VALUES ('%s', '%s')`, job, state),
					fmt.Sprintf(`INSERT INTO vibe_events (task_id, event_message) VALUES ('%s', 'a secret'), ('%[1]s', 'the last')`, job))
				s.get(t, path(job)).until("the last")
			}
			change(t, s.db, `UPDATE vibe_events SET event_message = 'redacted' WHERE event_message = 'a secret'`)
			if status, text := admin(t, http.MethodDelete, c.path); status != c.status || (text == "") != (status == http.StatusNoContent) {
				t.Errorf("%d %s", status, text)
			}
			for job := range jobs {
				got := s.get(t, path(job)+"?follow=false").rest()
				if fresh := strings.Contains(got, "redacted"); fresh != slices.Contains(c.fresh, job) || fresh == strings.Contains(got, "a secret") {
					t.Errorf("%s: %q", job, got)
				}
			}
		})
	}
	for _, path := range []string{"/jobs/cache", "/jobs/cache/job"} {
		for _, method := range []string{http.MethodGet, http.MethodPost, http.MethodPut} {
			if status, _ := admin(t, method, path); status != http.StatusMethodNotAllowed {
				t.Errorf("%s %s: %d", method, path, status)
			}
		}
	}
}
