package postgres

import (
	"fmt"
	"slices"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// pageBlocks is how many blocks a page may touch, whatever its query.
const pageBlocks = 1500

// interleaved are jobs of 1,000 rows each that wrote at the same time, and one of
// 50,000.
const interleaved = `INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, 299) i;
	INSERT INTO vibe_tasks VALUES ('huge', 'running');
	INSERT INTO vibe_events (task_id, event_message, severity, event_time)
	SELECT CASE WHEN i % 7 = 0 THEN 'huge' ELSE 'job-' || (i / 7 * 6 + i % 7 - 1) % 300 END, 'line ' || i || ' of the log, about as long as such lines are',
		CASE WHEN i = 7 THEN 'CRITICAL' ELSE 'info' END, 1700000000 + i FROM generate_series(1, 350000) i`

// count resets what is counted of the server's statements, and later tells it.
func (a *app) count(t *testing.T, of func()) (calls, blocks, rows int) {
	t.Helper()
	a.exec(t, `SELECT pg_stat_statements_reset()`)
	of()
	if err := a.pool.QueryRow(t.Context(), `SELECT coalesce(sum(calls), 0), coalesce(sum(shared_blks_hit + shared_blks_read), 0), coalesce(sum(rows), 0)
		FROM pg_stat_statements WHERE query LIKE '%kept%' AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database())`).
		Scan(&calls, &blocks, &rows); err != nil {
		t.Fatal(err)
	}
	return calls, blocks, rows
}

// TestPageCost reads pages of a table of many rows, and no index by job but one of
// some columns.
func TestPageCost(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `CREATE EXTENSION pg_stat_statements; DROP INDEX vibe_events_task_id_event_id_idx`)
		a.exec(t, interleaved)
		a.exec(t, `VACUUM ANALYZE vibe_events`)
		for _, index := range []string{"task_id", "task_id, event_time", "task_id, event_id"} {
			a.exec(t, `DROP INDEX IF EXISTS by_job; CREATE INDEX by_job ON vibe_events (`+index+`)`)
			t.Run(index, func(t *testing.T) {
				t.Run("pages", a.pagesCost)
				t.Run("holes", a.holesCost)
			})
		}
		t.Run("rank", a.rankCost)
	})
}

// pagesCost reads pages over and over: a plan for any values is not to come.
func (a *app) pagesCost(t *testing.T) {
	s := opened(t, a.dsn)
	up := joblog.Cursor{N: 350_000}
	for name, q := range map[string]joblog.Query{
		"a page":      {UpTo: up},
		"the end":     {UpTo: up, Last: true, Limit: 1},
		"the rest":    {After: joblog.Cursor{N: 340_000}, UpTo: up},
		"nothing":     {After: joblog.Cursor{N: 349_999}, UpTo: up},
		"hole":        {After: joblog.Cursor{N: 350_000, Holes: joblog.Ranges{{Lo: 9, Hi: 9}}}, UpTo: up},
		"wide holes":  {After: joblog.Cursor{N: 350_000, Holes: joblog.Ranges{{Lo: 9, Hi: 5000}, {Lo: 6000, Hi: 6000}, {Lo: 7000, Hi: 7005}}}, UpTo: up},
		"its errors":  {UpTo: up, Rank: joblog.RankError},
		"last errors": {UpTo: up, Rank: joblog.RankError, Last: true, Limit: 1},
	} {
		q.Job = "job-77"
		for _, times := range []int{1, 20} {
			calls, blocks, _ := a.count(t, func() {
				for range times {
					if _, err := s.Read(t.Context(), q); err != nil {
						t.Fatal(err)
					}
				}
			})
			if calls < times || blocks > pageBlocks*calls {
				t.Errorf("%s, %d times: %d statements, %d blocks each", name, times, calls, blocks/calls)
			}
		}
	}
}

// holesCost resumes a long log with as many holes as a cursor can have.
func (a *app) holesCost(t *testing.T) {
	s := opened(t, a.dsn)
	for _, holes := range []int{1, 64, 65, 1001, 2000} {
		q := joblog.Query{Job: "huge", After: joblog.Cursor{N: 350_000}, UpTo: joblog.Cursor{N: 350_000}}
		var want []int64
		for i := range holes {
			id := int64(i+1) * 7 * 25
			q.After.Holes = append(q.After.Holes, joblog.Range{Lo: id, Hi: id})
			want = append(want, id)
		}
		var got []int64
		for more := true; more && len(got) <= holes; {
			calls, blocks, _ := a.count(t, func() {
				page, err := s.Read(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				through := page.Passed
				for _, e := range page.Events {
					got, through = append(got, e.ID), max(through, e.ID)
				}
				more, q.After = page.More, q.After.Union(q.UpTo.Clip(through))
			})
			if calls > pageStatements || blocks > pageBlocks {
				t.Errorf("a page of %d holes takes %d statements and %d blocks", holes, calls, blocks)
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%d holes have %d rows", holes, len(got))
		}
	}
}

// rankCost looks for the only critical row of a long log, from its end.
func (a *app) rankCost(t *testing.T) {
	s := opened(t, a.dsn)
	q := joblog.Query{Job: "huge", UpTo: joblog.Cursor{N: 350_000}, Rank: joblog.RankCritical, Last: true, Limit: 1}
	pages, got := 0, []joblog.Event(nil)
	calls, blocks, rows := a.count(t, func() {
		for more := true; more && len(got) == 0; pages++ {
			page, err := s.Read(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if got, more = page.Events, page.More; more {
				q.UpTo.N = page.Passed - 1
			}
		}
	})
	if len(got) != 1 || got[0].Severity != "CRITICAL" || got[0].ID != 7 {
		t.Errorf("got %+v", got)
	}
	if want := 50_000/passRows + 1; pages != want || calls != want || rows > 2*want || blocks > want*3*passRows {
		t.Errorf("%d pages, want %d; %d statements, %d rows, %d blocks", pages, want, calls, rows, blocks)
	}
	for rank := joblog.RankTrace; rank <= joblog.RankCritical; rank++ {
		page, err := s.Read(t.Context(), joblog.Query{Job: "huge", UpTo: joblog.Cursor{N: 50}, Rank: rank})
		if want := map[bool]int{true: 7, false: 1}[rank <= joblog.RankInfo]; err != nil || len(page.Events) != want || page.More {
			t.Errorf("rank %d: %d rows, %v", rank, len(page.Events), err)
		}
	}
}

// TestPortions takes ranges apart, from either end.
func TestPortions(t *testing.T) {
	wide := joblog.Range{Lo: 100_000, Hi: 1 << 62}
	var narrow joblog.Ranges
	for i := range int64(100) {
		narrow = append(narrow, joblog.Range{Lo: 1 + 10*i, Hi: 2 + 10*i})
	}
	for _, c := range []struct {
		ranges joblog.Ranges
		last   bool
		some   int
	}{
		{narrow, false, pageRanges},
		{narrow, true, pageRanges},
		{joblog.Ranges{wide}, false, 1},
		{append(narrow[:3:3], wide), false, 3},
		{append(narrow[:3:3], wide), true, 1},
		{joblog.Ranges{{Lo: 1, Hi: 3000}, {Lo: 4000, Hi: 4500}, {Lo: 5000, Hi: 6000}}, false, 2},
	} {
		some, rest := portion(c.ranges, c.last)
		both := slices.Concat(some, rest)
		if c.last {
			both = slices.Concat(rest, some)
		}
		if len(some) != c.some || !slices.Equal(both, c.ranges) {
			t.Errorf("%v, last %t: %v and %v", fmt.Sprint(c.ranges)[:20], c.last, some, rest)
		}
	}
}
