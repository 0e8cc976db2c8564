package e2e

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// call is a request that needs the store, and what its answer has.
type call struct{ method, path, body, want string }

// calls are one of each kind.
var calls = []call{
	{http.MethodGet, "/readyz", "", `"up"`},
	{http.MethodGet, "/jobs/job/logs?follow=false", "", `"row 0"`},
	{http.MethodPost, "/jobs/job/logs", `{"event_message":"posted"}`, `ids`},
	{http.MethodPut, "/jobs/job/state", `{"state":"running"}`, ""},
	{http.MethodGet, "/jobs/_viewer/recent.json", "", `"job"`},
}

func (c call) try(t *testing.T, s *server, when string) {
	t.Helper()
	status, body := s.do(t, c.method, c.path, c.body, "Content-Type", "application/json", "Accept", "*/*")
	if status != http.StatusOK || !strings.Contains(body, c.want) || strings.Contains(body, "event: error") {
		t.Errorf("%s: %s %s: %d %s", when, c.method, c.path, status, body)
	}
}

// unwatched is a server whose store nobody watches, and that has had a call of
// each kind.
func unwatched(t *testing.T, a *app) *server {
	t.Helper()
	a.addJob(t, "job")
	a.log(t, "job", 1, "row %d")
	s := start(t, config{store: a.store})
	for _, c := range calls {
		c.try(t, s, "at first")
	}
	return s
}

// TestRestartUnwatched restarts Postgres while nobody watches: the next call
// succeeds, whichever it is, and so do the others then. While it is away /readyz
// says so, and does not once it is back.
func TestRestartUnwatched(t *testing.T) {
	t.Parallel()
	db := newPostgresServer(t)
	a := db.app(t)
	s := unwatched(t, a)
	for i, first := range calls {
		db.kill(t)
		if i%2 == 1 {
			wait(t.Context(), 100*time.Millisecond) // for which the last answer is good
			if status, body := s.do(t, http.MethodGet, "/readyz", ""); status != http.StatusServiceUnavailable {
				t.Errorf("while Postgres is away: %d %s", status, body)
			}
		}
		db.restart(t)
		first.try(t, s, "first after a restart")
		for _, c := range calls {
			c.try(t, s, "after a restart")
		}
	}
}

// TestIdleSessions has Postgres end sessions that are idle, as firewalls and
// serverless databases do, and calls that come later than that.
func TestIdleSessions(t *testing.T) {
	t.Parallel()
	const idle = 300 * time.Millisecond
	a := newPostgresApp(t)
	a.exec(t, fmt.Sprintf(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET idle_session_timeout = %d', current_database()); END $$`, idle.Milliseconds()))
	s := unwatched(t, a)
	for range 4 {
		for _, c := range calls {
			wait(t.Context(), 2*idle) // its length is what is tested
			c.try(t, s, "after idle sessions were ended")
		}
	}
}
