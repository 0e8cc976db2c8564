package caddyjobs

import (
	"context"
	"fmt"
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
