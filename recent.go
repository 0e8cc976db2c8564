package caddyjobs

import (
	"context"
	"fmt"
	"slices"

	"github.com/caddyjobs/caddyjobs/joblog"
)

const (
	indexed     = 100  // jobs that an index shows, at most
	candidates  = 1000 // jobs with the newest lines, among which they are looked for
	lookedUp    = 200  // of them by one query
	indexOwners = 1000 // whose indexes are looked at within a second, at most
	indexTurns  = 2    // queries for indexes at a time: streams come first
)

// recentJob is a job that had something to say lately.
type recentJob struct {
	ID        string `json:"id"`
	State     string `json:"state"`
	Ended     bool   `json:"ended"` // nothing more will come
	EventID   int64  `json:"event_id"`
	EventTime int64  `json:"event_time,omitempty"` // as the log has it; 0 if it has none
}

// recents are the jobs that had something to say lately. Who asks shares the
// answers of others: which rows are the newest is the same for everybody, and
// which jobs are shown, for all of one owner.
type recents struct {
	newest answers[struct{}, []joblog.Event]
	shown  answers[joblog.Ask, []recentJob] // by an Ask without an id
	turns  chan struct{}
}

func newRecents(h *hub) *recents {
	s := &recents{turns: make(chan struct{}, indexTurns)}
	s.newest = answers[struct{}, []joblog.Event]{run: h.run, bound: 1, ask: func(struct{}) ([]joblog.Event, error) { return h.recent() }}
	s.shown = answers[joblog.Ask, []recentJob]{run: h.run, bound: indexOwners, ask: func(whose joblog.Ask) ([]recentJob, error) {
		events, err := s.newest.get(h.life, struct{}{})
		if err != nil {
			return nil, err
		}
		select {
		case s.turns <- struct{}{}:
			defer func() { <-s.turns }()
		case <-h.life.Done():
			return nil, h.life.Err()
		}
		return h.shown(events, whose)
	}}
	return s
}

// recent reads the newest rows of jobs. It may return errStoreDown,
// joblog.ErrUnserved and joblog.ErrUnsupported.
func (h *hub) recent() (events []joblog.Event, err error) {
	s, ok := h.store.(joblog.Recenter)
	if !ok {
		return nil, fmt.Errorf("%w: it does not know which jobs are recent", joblog.ErrUnsupported)
	}
	err = h.call(h.life, func(ctx context.Context) (err error) {
		events, err = s.Recent(ctx, candidates)
		return err
	})
	return events, err
}

// shown are the jobs of events that may be shown to somebody.
func (h *hub) shown(events []joblog.Event, whose joblog.Ask) ([]recentJob, error) {
	jobs, seen := []recentJob{}, map[string]bool{}
	for some := range slices.Chunk(events, lookedUp) {
		asks := make([]joblog.Ask, len(some))
		for i, e := range some {
			asks[i] = whose
			asks[i].ID = e.Job
		}
		found, err := h.jobs(asks)
		if err != nil {
			return nil, err
		}
		for i, e := range some {
			job, ok := found[asks[i]]
			if !ok || !asks[i].Allows(job) || seen[job.ID] || !possible(job.ID) { // the store has compared the owner, too
				continue
			}
			seen[job.ID] = true // an event may call it otherwise
			if jobs = append(jobs, recentJob{job.ID, job.State, job.Terminal, e.ID, e.Time}); len(jobs) == indexed {
				return jobs, nil
			}
		}
	}
	return jobs, nil
}
