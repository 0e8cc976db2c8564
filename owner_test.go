package caddyjobs

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/sqlite"
)

// owned has a store that knows the jobs' owners.
var owned = strings.Replace(sqliteStore, "path {db}", "path {db}\n jobs {\n owner tenant_id\n }", 1)

// give says whom jobs belong to; the others are nobody's.
func give(t *testing.T, path string, owners map[string]string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for job, owner := range owners {
		if _, err := db.Exec(`UPDATE vibe_tasks SET tenant_id = ? WHERE task_id = ?`, owner, job); err != nil {
			t.Fatal(err)
		}
	}
}

// date is what differs between two answers to the same question.
var date = regexp.MustCompile(`(?m)^Date: .*\r\n`)

// answer is all the bytes that a request is answered with, but for the date.
func (s *site) answer(t *testing.T, request string) string {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "unix", filepath.Join(s.dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	defer context.AfterFunc(t.Context(), func() { _ = conn.Close() })()
	if _, err := io.WriteString(conn, request); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(conn)
	if err != nil {
		t.Fatal(err)
	}
	return date.ReplaceAllString(string(b), "")
}

// TestForbiddenAsUnknown compares to the byte what who asks is told of jobs that
// are somebody else's, nobody's, and not there.
func TestForbiddenAsUnknown(t *testing.T) {
	s := newSite(t, owned, "jobs_ingest\njobs_logs {\n owner {http.request.header.Tenant}\n cors https://app.example.com\n}")
	for _, job := range []string{"hers", "his", "ours"} {
		logged(t, s, job, 2, "completed")
	}
	give(t, s.db, map[string]string{"hers": "her", "his": "him"})
	for _, method := range []string{"GET", "HEAD"} {
		for _, query := range []string{"", "?follow=false", "?format=ndjson", "?format=text&tail=1", "?lastEventId=1"} {
			for _, header := range []string{"", "Origin: https://app.example.com\r\n", "Last-Event-ID: 2\r\n", "Accept: text/plain\r\n"} {
				ask := func(job string) string {
					return s.answer(t, fmt.Sprintf("%s /jobs/%s/logs%s HTTP/1.1\r\nHost: site\r\nTenant: her\r\nConnection: close\r\n%s\r\n", method, job, query, header))
				}
				want := ask("gone")
				if !strings.HasPrefix(want, "HTTP/1.1 404 ") {
					t.Fatalf("an unknown job: %s", want)
				}
				for _, job := range []string{"his", "ours"} {
					if got := ask(job); got != want {
						t.Errorf("%s%s %s %s: got\n%s\nwant\n%s", method, query, header, job, got, want)
					}
				}
				if got := ask("hers"); !strings.HasPrefix(got, "HTTP/1.1 20") {
					t.Errorf("hers: %s", got)
				}
			}
		}
	}
}

// around is a driver whose store is used through another one.
type around struct {
	joblog.Driver
	by func(joblog.Store) joblog.Store
}

func (a around) Open(log *slog.Logger) joblog.Store { return a.by(a.Driver.Open(log)) }

// counted is a store of which it is counted what it is asked.
type counted struct {
	joblog.Store
	jobs, others int
}

func (c *counted) Jobs(ctx context.Context, asks []joblog.Ask) (map[joblog.Ask]joblog.Job, error) {
	c.jobs += len(asks)
	return c.Store.Jobs(ctx, asks)
}

func (c *counted) Read(ctx context.Context, q joblog.Query) (joblog.Page, error) {
	c.others++
	return c.Store.Read(ctx, q)
}

func (c *counted) Tail(ctx context.Context) (joblog.Tail, error) {
	c.others++
	return c.Store.Tail(ctx)
}

// blind is a store that does not look at owners.
type blind struct{ joblog.Store }

func (b blind) Jobs(ctx context.Context, asks []joblog.Ask) (map[joblog.Ask]joblog.Job, error) {
	found := map[joblog.Ask]joblog.Job{}
	for _, ask := range asks {
		any := joblog.Ask{ID: ask.ID, AnyOwner: true}
		jobs, err := b.Store.Jobs(ctx, []joblog.Ask{any})
		if err != nil {
			return nil, err
		}
		if job, ok := jobs[any]; ok {
			found[ask] = job
		}
	}
	return found, nil
}

// ownedHub is a hub of a database with the jobs hers, his and ours.
func ownedHub(t *testing.T, by func(joblog.Store) joblog.Store) *hub {
	t.Helper()
	d := &sqlite.Driver{Path: filepath.Join(t.TempDir(), "jobs.db"), MaxMessage: 1 << 20}
	d.Jobs.Owner = "tenant_id"
	d.SetDefaults()
	store := d.Open(slog.New(slog.NewTextHandler(t.Output(), nil)))
	for _, job := range []string{"hers", "his", "ours"} {
		if err := store.(joblog.StateSetter).SetState(t.Context(), job, "running"); err != nil {
			t.Fatal(err)
		}
	}
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	give(t, d.Path, map[string]string{"hers": "her", "his": "him"})
	h := newHub(d.Path, around{d, by})
	t.Cleanup(func() {
		if err := h.Destruct(); err != nil {
			t.Error(err)
		}
	})
	return h
}

func find(t *testing.T, h *hub, owner, job string) error {
	t.Helper()
	_, err := new(Logs).find(t.Context(), h, job, &permit{rules: &rules{owner: owner}, owner: owner})
	return err
}

// TestForbiddenCalls has a store asked as often for a job of somebody else as
// for one that is not there.
func TestForbiddenCalls(t *testing.T) {
	var c *counted
	h := ownedHub(t, func(s joblog.Store) joblog.Store {
		c = &counted{Store: s}
		return c
	})
	for job, want := range map[string]error{"hers": nil, "his": errNotFound, "ours": errNotFound, "unknown": errNotFound} {
		*c = counted{Store: c.Store}
		if err := find(t, h, "her", job); !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", job, err, want)
		}
		if c.jobs != 1 || c.others != 0 {
			t.Errorf("%s: asked for %d jobs, and %d other things", job, c.jobs, c.others)
		}
	}
}

// TestOwnerOnRow has a store that gives what was not asked for. It is compared
// again.
func TestOwnerOnRow(t *testing.T) {
	h := ownedHub(t, func(s joblog.Store) joblog.Store { return blind{s} })
	for _, c := range []struct {
		owner, job string
		want       error
	}{
		{"her", "hers", nil},
		{"her", "his", errNotFound},
		{"her", "ours", errNotFound},
		{"her", "unknown", errNotFound},
		{"", "his", nil}, // everybody sees every job
	} {
		if err := find(t, h, c.owner, c.job); !errors.Is(err, c.want) {
			t.Errorf("%s for %q: %v, want %v", c.job, c.owner, err, c.want)
		}
	}
}

// TestLookupOwners gathers what several people ask for the same job.
func TestLookupOwners(t *testing.T) {
	h := ownedHub(t, func(s joblog.Store) joblog.Store { return s })
	answers := make(chan error)
	for i := range 300 {
		who := []string{"her", "him", "stranger"}[i%3]
		go func() {
			_, ok, err := h.lookup.job(t.Context(), joblog.Ask{ID: "his", Owner: who})
			if err == nil && ok != (who == "him") {
				err = fmt.Errorf("%s gets it: %t", who, ok)
			}
			answers <- err
		}()
	}
	for range 300 {
		if err := <-answers; err != nil {
			t.Error(err)
		}
	}
}

// TestCursorOfAnotherJob resumes a job of one's own by a cursor of somebody
// else's: no row of theirs comes, and theirs is not there for any cursor.
func TestCursorOfAnotherJob(t *testing.T) {
	s := newSite(t, owned, "jobs_ingest\njobs_logs {\n owner {http.request.header.Tenant}\n}")
	for i := range 3 {
		s.post(t, "hers", fmt.Sprint("of hers ", i))
		s.post(t, "his", fmt.Sprint("of his ", i))
	}
	give(t, s.db, map[string]string{"hers": "her", "his": "him"})
	cursors := regexp.MustCompile(`(?m)^id: (\S+)$`).FindAllStringSubmatch(s.get(t, "/jobs/his/logs?follow=false", "Tenant", "him").rest(), -1)
	if len(cursors) < 3 {
		t.Fatalf("his cursors are %q", cursors)
	}
	for i, c := range cursors[:3] {
		for _, way := range [][]string{{"", "Last-Event-ID", c[1]}, {"&lastEventId=" + c[1], "X", ""}} {
			st := s.get(t, "/jobs/hers/logs?follow=false"+way[0], "Tenant", "her", way[1], way[2])
			if got := st.rest(); strings.Contains(got, "of his") || strings.Count(got, "of hers") != 2-i {
				t.Errorf("after %s came %q", c[1], got)
			}
			if st := s.get(t, "/jobs/his/logs?follow=false"+way[0], "Tenant", "her", way[1], way[2]); st.status != 404 {
				t.Errorf("his, with his cursor %s: %d", c[1], st.status)
			}
		}
	}
}
