package caddyjobs

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// unserving is a store that does not serve some question.
type unserving struct{ joblog.Store }

func (unserving) Jobs(context.Context, []joblog.Ask) (map[joblog.Ask]joblog.Job, error) {
	return nil, fmt.Errorf("%w: the column is not there any more", joblog.ErrUnserved)
}

// TestDoubts has a store that does not tell whose the jobs are, and may go on to
// serve rows: those who watch somebody's are to ask again, after a while.
func TestDoubts(t *testing.T) {
	h := ownedHub(t, func(s joblog.Store) joblog.Store { return unserving{s} })
	all, hers := &rules{}, &rules{owner: "{x}"}
	set := new(ruleset)
	set.add(all)
	set.add(hers)
	h.tunables.Store(&tunables{rules: set})
	anybody, her := &viewer{hub: h, job: joblog.Job{ID: "hers"}}, &viewer{hub: h, job: joblog.Job{ID: "hers"}}
	anybody.permit.Store(&permit{rules: all})
	her.permit.Store(&permit{rules: hers, owner: "her"})
	for _, v := range []*viewer{anybody, her} {
		if refused := everyone.enter(v, new(Limits)); refused != nil {
			t.Fatal(refused)
		}
		defer everyone.leave(v)
		if refused := everyone.settle(v, new(Limits)); refused != nil {
			t.Fatal(refused)
		}
	}
	for i := range mostDoubts {
		if e := her.told.Load(); e != nil {
			t.Fatalf("after %d failures: %v", i, e)
		}
		h.examine()
	}
	if e := her.told.Load(); e == nil || e.why != dismissed {
		t.Errorf("who watches hers is told %v", e)
	}
	if e := anybody.told.Load(); e != nil {
		t.Errorf("who may watch all is told %v", e)
	}
}

// TestOneQuestion watches ten thousand jobs: a heartbeat is one question for all of
// them, and rows are looked for only of those that have changed.
func TestOneQuestion(t *testing.T) {
	inVersioned(t, func(t *testing.T, s *versioned, h *hub) {
		const n = 10_000
		var viewers []*viewer
		free := &permit{rules: new(rules)}
		for i := range n {
			job := fmt.Sprint("job ", i)
			s.state[job], s.version[job] = "running", "1"
			s.rows = append(s.rows, joblog.Event{ID: int64(i + 1), Job: job, Message: "row"})
			v := &viewer{hub: h, job: joblog.Job{ID: job}}
			v.permit.Store(free)
			viewers = append(viewers, v)
			if everyone.enter(v, new(Limits)) != nil || everyone.settle(v, new(Limits)) != nil {
				t.Fatal("there is no room")
			}
		}
		var coming sync.WaitGroup
		for _, v := range viewers {
			coming.Go(func() {
				w := watchJob(t, h, v.job.ID)
				w.proof.note([]joblog.Event{{ID: 1, Job: w.em.Job()}}, 0)
				v.seat.Store(w)
			})
		}
		coming.Wait()
		s.edit(func() {
			s.asks, s.finds = nil, nil
			s.version["job 5"], s.version["job 7"] = "2", "2"
			delete(s.state, "job 9")
		})
		asks := map[joblog.Ask]struct{}{}
		for _, v := range viewers {
			asks[joblog.Ask{ID: v.job.ID, AnyOwner: true}] = struct{}{}
		}
		h.strangers(viewers, asks)
		if len(s.asks) != 1 || len(s.asks[0]) != n || len(s.finds) != 1 || len(s.finds[0]) != 2 {
			t.Errorf("%d questions, and %d for rows", len(s.asks), len(s.finds))
		}
		over := map[string]bool{}
		for _, v := range viewers {
			if e := v.ends(); e != nil {
				over[v.job.ID] = true
			}
			v.leave()
			everyone.leave(v)
		}
		if want := (map[string]bool{"job 5": true, "job 7": true, "job 9": true}); !maps.Equal(over, want) {
			t.Errorf("over are %v", over)
		}
	})
}
