package postgres

import (
	"errors"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestRefusalsKeepConnections refuses what no job, or no table, can take: the
// connections of everybody else are not to pay for it.
func TestRefusalsKeepConnections(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		s := opened(t, a.dsn)
		event := []joblog.Event{{Message: "m"}}
		if _, err := s.Append(t.Context(), joblog.Batch{Job: "job", Events: event}); err != nil {
			t.Fatal(err)
		}
		before := s.pool.Stat().NewConnsCount()
		for range 5 {
			if _, err := s.Append(t.Context(), joblog.Batch{Job: "unknown", Events: event}); !errors.Is(err, joblog.ErrUnknownJob) {
				t.Errorf("got %v, want ErrUnknownJob", err)
			}
			if err := s.SetState(t.Context(), "job", "a\x00b"); !errors.Is(err, joblog.ErrInvalid) {
				t.Errorf("got %v, want ErrInvalid", err)
			}
		}
		if after := s.pool.Stat().NewConnsCount(); after != before {
			t.Errorf("%d connections were made anew because of requests that were refused", after-before)
		}
	})
}

// TestEndedAgain lets a job end, go on, and end again beside a writer: the
// second end waits for its own time, not for that of the first.
func TestEndedAgain(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		tx := a.begin(t)
		insertIn(t, tx)
		a.insert(t, "job", joblog.Event{Message: "past the hole"})
		a.setJob(t, "job", "completed")
		f.until("the row", func() bool { return len(f.got) == 1 })
		tick, err := f.tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}, Ask: []string{"job"}})
		if state := tick.Ending["job"]; err != nil || state != "completed" || len(tick.Ended) > 0 {
			t.Errorf("beside the writer ended are %v, and %v are to end, %v", tick.Ended, tick.Ending, err)
		}
		a.setJob(t, "job", "running")
		if err := f.tick(); err != nil {
			t.Fatal(err)
		}
		if waiting := len(f.tail.(*tail).ends); waiting != 0 {
			t.Errorf("%d ends are waited for, of a job that runs", waiting)
		}
	})
}
