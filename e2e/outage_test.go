package e2e

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// TestOutage kills Postgres for 10 s under 100 viewers. None loses its
// connection or a line, none gets one twice; other routes serve all the while.
func TestOutage(t *testing.T) {
	t.Parallel()
	const viewers, jobs, outage = 100, 10, 10 * time.Second
	db := newPostgresServer(t)
	a := db.app(t)
	s := start(t, config{store: a.store, jobs: "poll_interval 200ms"})
	name := func(i int) string { return fmt.Sprintf("job-%d", i%jobs) }
	for i := range jobs {
		a.addJob(t, name(i))
		a.log(t, name(i), 20, "before the outage %d")
	}
	var watching []*transcript
	for i := range viewers {
		watching = append(watching, watch(t, s, "/jobs/"+name(i)+"/logs"))
	}
	for _, tr := range watching {
		tr.awaitLines(t, 20)
	}
	for i := range jobs {
		a.log(t, name(i), 20, "just before the outage %d")
	}
	db.kill(t)
	over := time.NewTimer(outage) // its length is what is tested
	defer over.Stop()
	s.ping(t)
	late := watch(t, s, "/jobs/"+name(0)+"/logs") // is told, and to come again later
	late.await(t, "error", func(s seen) bool { return slices.Contains(s.events, "error") && s.closed })
	<-over.C
	s.ping(t)
	db.restart(t)
	for i := range jobs {
		a.log(t, name(i), 20, "after the outage %d")
		a.setState(t, name(i), "completed")
	}
	for i, tr := range watching {
		tr.awaitEnd(t, "completed", a.rows(t, name(i)))
	}
}

// TestStartWithoutPostgres starts Caddy while Postgres is down: other routes
// serve at once, and the logs do when Postgres is back.
func TestStartWithoutPostgres(t *testing.T) {
	t.Parallel()
	db := newPostgresServer(t)
	a := db.app(t)
	a.addJob(t, "job")
	a.log(t, "job", 5, "line %d")
	a.setState(t, "job", "completed")
	want := a.rows(t, "job")
	db.kill(t)
	s := start(t, config{store: a.store}) // returns when /ping is answered
	tr := watch(t, s, "/jobs/job/logs")
	got := tr.await(t, "end", func(s seen) bool { return s.closed })
	if got.responses[0] != http.StatusOK || !slices.Contains(got.events, "error") || len(got.lines) > 0 {
		t.Errorf("without Postgres: response %v, events %q, %d lines; want 200 and error", got.responses, got.events, len(got.lines))
	}
	db.restart(t)
	// A viewer does as it is told and comes again. The server finds out that
	// Postgres is back when it next tries, within its longest backoff.
	deadline := time.Now().Add(patience)
	for {
		tr := watch(t, s, "/jobs/job/logs")
		if got := tr.await(t, "end", func(s seen) bool { return s.closed }); len(got.states) > 0 {
			tr.awaitEnd(t, "completed", want)
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("Postgres is back, and the log is not")
		}
		wait(t.Context(), 200*time.Millisecond)
	}
}
