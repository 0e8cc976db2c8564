package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"modernc.org/sqlite"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// many inserts n rows, one after the other, of which each is what SQL makes of i,
// its number: the job, the severity and the time.
func (a *app) many(t testing.TB, n int, job, severity, at string) {
	t.Helper()
	a.exec(t, `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < ?)
		INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		SELECT `+job+`, 'step ' || i || ' of the task: 12 of 340 objects copied, 0 errors', `+severity+`, `+at+` FROM n`, n)
}

// cost is how many pages of the file the readers' connections have looked at.
func cost(t testing.TB, s *Store) (pages int) {
	t.Helper()
	err := s.use(t.Context(), func(ctx context.Context, f *file) error {
		var all []*sql.Conn
		for range readers {
			c, err := f.read.Conn(ctx)
			if err != nil {
				return err
			}
			defer c.Close()
			all = append(all, c)
		}
		for _, c := range all {
			err := c.Raw(func(conn any) error {
				for _, op := range []sqlite.DBStatusOp{sqlite.DBStatusCacheHit, sqlite.DBStatusCacheMiss} {
					n, _, err := conn.(sqlite.DBStatus).Status(op, false)
					if err != nil {
						return err
					}
					pages += n
				}
				return nil
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return pages
}

// replayed pages through a log, and returns how many rows and pages it has, and the
// most that a page cost.
func replayed(t testing.TB, s *Store, q joblog.Query) (rows, pages, most int) {
	t.Helper()
	s.longest = time.Minute // what a page costs is measured in pages of the file; under the race detector it takes long
	for before := cost(t, s); ; pages++ {
		page, err := s.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		now := cost(t, s)
		before, most = now, max(most, now-before)
		rows += len(page.Events)
		if !page.More {
			return rows, pages + 1, most
		}
		through := page.Passed
		if n := len(page.Events); through == 0 && q.Last {
			through = page.Events[0].ID
		} else if through == 0 {
			through = page.Events[n-1].ID
		}
		if q.Last {
			q.UpTo = q.UpTo.Clip(through - 1)
		} else {
			q.After = q.After.Union(q.UpTo.Clip(through))
		}
	}
}

// TestReplayLinear replays logs of one length and of three times that, in the
// original's schema and in such as lack more: it costs three times as much.
func TestReplayLinear(t *testing.T) {
	for name, c := range map[string]struct{ job, at, schema string }{
		"integer times":  {"'job'", "1700000000000 + i", appSchema},
		"text times":     {"'job'", "datetime(1700000000 + i, 'unixepoch')", appSchema},
		"times in a mix": {"'job'", "1700000000000 + i * 7919 % 100003", appSchema},
		"a tenth":        {"CASE WHEN i % 10 = 0 THEN 'job' ELSE 'other-' || i % 7 END", "1700000000000 + i", appSchema},
		"a hundredth":    {"CASE WHEN i % 100 = 0 THEN 'job' ELSE 'other-' || i % 7 END", "1700000000000 + i", appSchema},
		"no index":       {"'job'", "NULL", strings.Replace(appSchema, "(task_id, event_time)", "(event_time)", 1)},
		"ids far apart":  {"'job'", "i", appSchema},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			costs := [2]int{}
			for i, n := range []int{10_000, 30_000} {
				a := newApp(t, filepath.Join(t.TempDir(), "app.db"), "")
				a.exec(t, "PRAGMA synchronous = OFF")
				a.exec(t, c.schema)
				a.many(t, n, c.job, "'info'", c.at)
				if name == "ids far apart" {
					a.exec(t, "UPDATE vibe_events SET event_id = -event_id")
					a.exec(t, "UPDATE vibe_events SET event_id = -event_id * 1000000")
				}
				want := a.number(t, "SELECT count(*) FROM vibe_events WHERE task_id = 'job'")
				s := opened(t, a.path)
				before := cost(t, s)
				rows, _, _ := replayed(t, s, joblog.Query{Job: "job", UpTo: everything})
				costs[i] = cost(t, s) - before
				if rows != int(want) {
					t.Errorf("got %d rows of %d", rows, want)
				}
			}
			const once = 1500 // what is looked at in vain, to find that a log is sparse
			if costs[1] > costs[0]*3+once {
				t.Errorf("a log of %d pages of the file costs %d when it is three times as long", costs[0], costs[1])
			}
		})
	}
}

// TestReplaySparse replays logs that are few rows of a large table.
func TestReplaySparse(t *testing.T) {
	a := newApp(t, filepath.Join(t.TempDir(), "app.db"), appSchema)
	a.exec(t, "PRAGMA synchronous = OFF")
	a.many(t, 150_000, "CASE WHEN i % 150 = 0 THEN 'job' WHEN i = 149999 THEN 'one' ELSE 'other' END", "'info'", "i")
	s := opened(t, a.path)
	for job, want := range map[string]int{"job": 1000, "one": 1, "none": 0} {
		for _, last := range []bool{false, true} {
			before := cost(t, s)
			rows, pages, _ := replayed(t, s, joblog.Query{Job: job, UpTo: everything, Last: last})
			if rows != want || pages > 1 {
				t.Errorf("%s, newest first %t: got %d rows in %d pages", job, last, rows, pages)
			}
			// One for each row, some for the way to it, and those of 50,000 rows.
			if n := cost(t, s) - before; n > 8*want+4000 {
				t.Errorf("%s: it cost %d pages of the file", job, n)
			}
		}
	}
}

// TestManyHoles resumes with the worst cursors: the holes are as far apart as they
// can be. No page costs much, and all rows come.
func TestManyHoles(t *testing.T) {
	const n, holes = 70_000, 1001
	for name, schema := range map[string]string{
		"original": appSchema,
		"by job":   strings.Replace(appSchema, "(task_id, event_time)", "(task_id)", 1),
	} {
		for _, job := range []string{"'job'", "CASE WHEN i % 3 = 0 THEN 'job' ELSE 'other' END"} {
			t.Run(name+" "+job, func(t *testing.T) {
				a := newApp(t, filepath.Join(t.TempDir(), "app.db"), schema)
				a.exec(t, "PRAGMA synchronous = OFF")
				a.many(t, n, job, "'info'", "i")
				s := opened(t, a.path)
				for _, width := range []int64{1, 60} {
					after := joblog.Cursor{N: n}
					want := 0
					for i := range int64(holes) {
						hole := joblog.Range{Lo: i*(n/holes) + 1, Hi: i*(n/holes) + width}
						after.Holes = append(after.Holes, hole)
						want += int(a.number(t, "SELECT count(*) FROM vibe_events WHERE +task_id = 'job' AND event_id BETWEEN ? AND ?", hole.Lo, hole.Hi))
					}
					rows, pages, most := replayed(t, s, joblog.Query{Job: "job", After: after, UpTo: everything})
					if rows != want || pages > 30 {
						t.Errorf("got %d rows of %d in %d pages", rows, want, pages)
					}
					if most > 3*joblog.PageRows {
						t.Errorf("a page cost %d pages of the file", most)
					}
				}
			})
		}
	}
}

// TestRareSeverity looks for what there is hardly any of, and for what is not there.
func TestRareSeverity(t *testing.T) {
	for name, schema := range map[string]string{
		"original": appSchema,
		"by job":   strings.Replace(appSchema, "(task_id, event_time)", "(task_id, event_id)", 1),
	} {
		t.Run(name, func(t *testing.T) {
			a := newApp(t, filepath.Join(t.TempDir(), "app.db"), schema)
			a.exec(t, "PRAGMA synchronous = OFF")
			a.many(t, 120_000, "'job'", "CASE i WHEN 60000 THEN 'Error' ELSE 'info' END", "i")
			s := opened(t, a.path)
			for rank, want := range map[joblog.Rank]int{joblog.RankError: 1, joblog.RankCritical: 0} {
				for _, last := range []bool{false, true} {
					rows, pages, most := replayed(t, s, joblog.Query{Job: "job", UpTo: everything, Rank: rank, Last: last})
					if rows != want || pages > 4 || most > 5*passes/2 {
						t.Errorf("rank %d, newest first %t: got %d rows in %d pages that cost at most %d", rank, last, rows, pages, most)
					}
				}
			}
		})
	}
}

// TestFilter has rows that a filter must leave, whatever their words and times are.
func TestFilter(t *testing.T) {
	a := newApp(t, filepath.Join(t.TempDir(), "app.db"), appSchema)
	words := []string{"'trace'", "'DEBUG'", "'Info'", "NULL", "''", "'odd'", "'warn'", "'ErRoR'", "'CRİTİCAL'", "7", "x'6572726f72'", "'error' || hex(zeroblob(300))", "'fatal'"}
	times := []string{"NULL", "1700000000", "1700000000000", "1800000000000000", "'2001-01-01'", "'junk'", "1.8e9"}
	for _, word := range words {
		for _, at := range times {
			a.exec(t, "INSERT INTO vibe_events (task_id, event_message, severity, event_time) VALUES ('job', '', "+word+", "+at+")")
		}
	}
	s := opened(t, a.path)
	all, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: everything})
	if err != nil || len(all.Events) != len(words)*len(times) {
		t.Fatalf("%d rows, %v", len(all.Events), err)
	}
	for rank := joblog.RankTrace; rank <= joblog.RankCritical; rank++ {
		for _, since := range []int64{0, 1_600_000_000_000, 1_750_000_000_000} {
			page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: everything, Rank: rank, Since: since})
			if err != nil {
				t.Fatal(err)
			}
			left := 0
			for _, e := range all.Events {
				is, ok := joblog.ParseRank(e.Severity)
				if !ok {
					is = joblog.RankInfo
				}
				if is < rank || since != 0 && e.Millis() < since {
					left++
				} else if !slices.ContainsFunc(page.Events, func(got joblog.Event) bool { return got.ID == e.ID }) {
					t.Errorf("rank %d, since %d: %+v is missing", rank, since, e)
				}
			}
			if out := len(all.Events) - len(page.Events); out < left/4 {
				t.Errorf("rank %d, since %d: %d rows are left out, of %d", rank, since, out, left)
			}
		}
	}
}

// TestReadsBesides has as many reads as there can be under way, which do not end:
// who reads more is told so, and everybody else is served.
func TestReadsBesides(t *testing.T) {
	a := newApp(t, filepath.Join(t.TempDir(), "app.db"), appSchema)
	a.setJob(t, "job", "running")
	s := opened(t, a.path)
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	endless, end := context.WithCancel(t.Context())
	begun, ended := make(chan struct{}), make(chan error)
	for range readers {
		go func() {
			ended <- s.inTurn(endless, s.reads, func(ctx context.Context, f *file) error {
				begun <- struct{}{}
				return each(ctx, f.read, `WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n`, nil, func(scanner) error { return nil })
			})
		}()
		<-begun
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	for name, read := range map[string]func() error{
		"Read":   func() error { _, err := s.Read(short, joblog.Query{Job: "job", UpTo: everything}); return err },
		"Recent": func() error { _, err := s.Recent(short, 10); return err },
	} {
		if err := read(); !errors.Is(err, joblog.ErrUnserved) {
			t.Errorf("%s: %v, want that it is not served", name, err)
		}
	}
	appendN(t, s, "job", 1)
	if got := next(t, tail); len(got) != 1 {
		t.Errorf("the tail got %q", got)
	}
	if jobs, err := s.Jobs(t.Context(), anyones); err != nil || len(jobs) != 1 {
		t.Errorf("the jobs are %v, %v", jobs, err)
	}
	if id, err := s.Newest(t.Context()); err != nil || id != 1 {
		t.Errorf("the newest is %d, %v", id, err)
	}
	was := s.file
	end()
	for range readers {
		if err := <-ended; !errors.Is(err, joblog.ErrUnserved) || !errors.Is(err, context.Canceled) {
			t.Errorf("an interrupted read: %v", err)
		}
	}
	if got := messagesOf(t, s, "job"); len(got) != 1 || s.file != was {
		t.Errorf("got %q; the file was opened again: %t", got, s.file != was)
	}
}
