package caddyjobs

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/parking"
	"github.com/caddyjobs/caddyjobs/sqlite"
)

// TestNamesOfOneStore has two names for one store, each with rules of its own:
// viewers are judged by those of the name by which they came.
func TestNamesOfOneStore(t *testing.T) {
	store := " {\n path {db}\n jobs {\n owner tenant_id\n }\n }\n"
	options := "jobs {\n store sqlite" + store + "store sqlite other" + store + "poll_interval 20ms\n }\n"
	s := newSite(t, options, "jobs_ingest\njobs_logs {\n owner {http.request.header.Tenant}\n}\njobs_logs {\n store other\n path /all/{id}\n}\n")
	s.post(t, "job", "one")
	give(t, s.db, map[string]string{"job": "her"})
	streams := []*stream{s.get(t, "/jobs/job/logs", "Tenant", "her"), s.get(t, "/all/job")}
	for _, st := range streams {
		st.until("caught_up")
	}
	hubs.Range(func(_, value any) bool {
		value.(*hub).examine()
		return true
	})
	s.post(t, "job", "two")
	for i, st := range streams {
		if got := st.until("two"); strings.Contains(got, "event:") {
			t.Errorf("stream %d got %s", i, got)
		}
	}
	give(t, s.db, map[string]string{"job": "him"})
	hubs.Range(func(_, value any) bool {
		value.(*hub).examine()
		return true
	})
	if got := streams[0].rest(); !strings.Contains(got, "event: auth_expired") {
		t.Errorf("whose job it is no more got %q", got)
	}
	s.client.CloseIdleConnections() // that stream's is one
	s.put(t, "job", "completed")
	if got := streams[1].rest(); !strings.Contains(got, "completed") {
		t.Errorf("who may see all got %q", got)
	}
}

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
	h.tunables.Store(&tunables{rules: []*rules{all, hers}})
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

// TestRulesOfSites reloads a config that has several sites with the same path:
// which of them a viewer came to is not known, and it is not taken for one of
// another site.
func TestRulesOfSites(t *testing.T) {
	load := func(owners ...string) (all []*rules) {
		a := &App{drivers: map[string]joblog.Driver{"default": &sqlite.Driver{Path: "x"}}}
		for _, owner := range owners {
			a.expect("", &rules{place: "here", owner: owner})
		}
		for _, some := range a.rules {
			all = some
		}
		return all
	}
	const goes = parking.Reason("")
	for _, c := range []struct {
		before, after string
		want          parking.Reason // of who came to the first site before
	}{
		{",", ",", goes},
		{",", ",,", goes},
		{",", "x,", dismissed}, // it may be either one's
		{",", "x,x", dismissed},
		{",x", ",x", goes},
		{",x", "x,x", dismissed},
		{"x,", "x,x", goes},
		{"x", "", goes},
		{"", "x", dismissed},
	} {
		p := &permit{rules: load(strings.Split(c.before, ",")...)[0]}
		p.owner = p.rules.owner
		if _, why := p.under(t.Context(), load(strings.Split(c.after, ",")...), joblog.Job{}); why != c.want {
			t.Errorf("%q, then %q: %q, want %q", c.before, c.after, why, c.want)
		}
	}
}
