package postgres

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// faults are views that cannot work out every row, by what they make of a text,
// with one that they can read and one that they cannot.
var faults = map[string]struct{ message, good, bad string }{
	"bytes":    {`convert_from(decode(body, 'hex'), 'UTF8')`, "616263", "61ff63"},
	"JSON":     {`body::json->>'m'`, `{"m":"abc"}`, `{"m":"\u0000"}`},
	"division": {`(1 / length(body))::text || body`, "abc", ""},
	"raise":    {`raises(body)`, "abc", "bad"},
	"array":    {`(body::text[])[1]`, "{abc}", "{abc"},
	"UUID":     {`body::uuid::text`, "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "abc"},
	"subquery": {`(SELECT body || x FROM generate_series(1, length(body) - 2) x)`, "abc", "abcd"},
}

const raises = `CREATE FUNCTION raises(t text) RETURNS text LANGUAGE plpgsql STABLE AS $$ BEGIN
	IF t = 'bad' THEN RAISE EXCEPTION 'the secret is %', t; END IF; RETURN t; END $$;`

// view puts a view in the place of the events, which works out a column.
func (a *app) view(t testing.TB, columns string) {
	t.Helper()
	a.exec(t, raises+`ALTER TABLE vibe_events RENAME event_message TO body; ALTER TABLE vibe_events RENAME TO raw_events;
		CREATE VIEW vibe_events AS SELECT `+columns+` FROM raw_events`)
}

func (a *app) raw(t testing.TB, job string, bodies ...string) (ids []int64) {
	t.Helper()
	for _, body := range bodies {
		var id int64
		if err := a.pool.QueryRow(t.Context(), `INSERT INTO raw_events (task_id, body, severity, event_time) VALUES ($1, $2, 'info', 1700000000)
			RETURNING event_id`, job, body).Scan(&id); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// listened is a store whose log can be read.
func listened(t testing.TB, a *app, change ...func(*Driver)) (*Store, *bytes.Buffer) {
	s, log := opened(t, a.dsn, change...), new(bytes.Buffer)
	s.log = slog.New(slog.NewTextHandler(log, nil))
	return s, log
}

// checkRows fails unless the events are of these ids, and those that are bad, and
// no others, are replaced.
func checkRows(t *testing.T, what string, events []joblog.Event, ids, bad []int64) {
	t.Helper()
	var got []int64
	for _, e := range events {
		got = append(got, e.ID)
		if e.Unreadable != slices.Contains(bad, e.ID) || e.Job != "job" || strings.Contains(e.Message, "secret") {
			t.Errorf("%s: got %+v, and %v are bad", what, e, bad)
		}
		if e.Unreadable && (e.Severity != "error" || !strings.HasPrefix(e.Message, "This row cannot be read: ")) {
			t.Errorf("%s: in its place is %+v", what, e)
		}
	}
	if !slices.Equal(got, ids) {
		t.Errorf("%s: the rows are %v, want %v", what, got, ids)
	}
}

// TestFaultyRows has rows that cannot be read, of a job that is watched and of one
// that is not. Each is shown as what it is, and everything else goes on.
func TestFaultyRows(t *testing.T) {
	for name, c := range faults {
		t.Run(name, func(t *testing.T) {
			onVersions(t, func(t *testing.T, a *app) {
				a.view(t, `event_id, task_id, `+c.message+` AS event_message, severity, event_time`)
				a.setJob(t, "job", "running")
				a.setJob(t, "other", "running")
				before := a.raw(t, "job", c.bad)
				s, log := listened(t, a)
				f := follow(t, s)
				a.raw(t, "other", c.good, c.bad)
				ids := a.raw(t, "job", c.good, c.bad, c.good)
				a.raw(t, "other", c.bad)
				bad := append(before, ids[1])
				tick, err := f.tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
				if err != nil {
					t.Fatal(err)
				}
				checkRows(t, "the tick", tick.Events, ids, bad)
				all := append(before, ids...)
				up := joblog.Cursor{N: 1 << 40}
				for what, q := range map[string]joblog.Query{
					"a page":             {UpTo: up},
					"the end":            {UpTo: up, Last: true},
					"holes":              {After: joblog.Cursor{N: 1 << 39, Holes: joblog.Ranges{{Lo: all[0], Hi: all[0]}, {Lo: all[1], Hi: all[3]}}}, UpTo: up},
					"the end of holes":   {After: joblog.Cursor{N: 1 << 39, Holes: joblog.Ranges{{Lo: all[0], Hi: all[0]}, {Lo: all[1], Hi: all[3]}}}, UpTo: up, Last: true},
					"what is worth much": {UpTo: up, Rank: joblog.RankDebug},
				} {
					q.Job = "job"
					page, err := s.Read(t.Context(), q)
					if err != nil {
						t.Fatalf("%s: %v", what, err)
					}
					checkRows(t, what, page.Events, all, bad)
				}
				if n := strings.Count(log.String(), "cannot be read"); n != 1 {
					t.Errorf("the log tells it %d times:\n%s", n, log)
				}
				f.n(t)
			})
		})
	}
}

// n ticks until there is nothing more.
func (f *follower) n(t *testing.T) {
	for range 5 {
		tick, err := f.tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}, Ask: []string{"job"}})
		if err != nil || len(tick.Events) > 0 {
			t.Errorf("later got %v, %v", tick.Events, err)
		}
		if !tick.More {
			return
		}
	}
	t.Error("there is always more")
}

// TestFaultyWhole has nothing but rows that cannot be read. They come, some at a
// time.
func TestFaultyWhole(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.view(t, `event_id, task_id, raises(body) AS event_message, severity, event_time`)
		a.setJob(t, "job", "running")
		s, log := listened(t, a)
		f := follow(t, s)
		const n = 200
		a.exec(t, `INSERT INTO raw_events (task_id, body) SELECT 'job', 'bad' FROM generate_series(1, $1)`, n)
		ticks, rows := 0, 0
		for more := true; more && ticks < n; ticks++ {
			tick, err := f.tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
			if err != nil {
				t.Fatal(err)
			}
			rows += len(tick.Events)
			more = tick.More
		}
		if rows != n || ticks > n/10 || ticks < n/siftStatements {
			t.Errorf("%d rows in %d ticks", rows, ticks)
		}
		for _, last := range []bool{false, true} {
			q := joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 1 << 40}, Last: last}
			rows, pages := 0, 0
			for more := true; more && pages < n; pages++ {
				page, err := s.Read(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				if rows += len(page.Events); last {
					q.UpTo.N = page.Events[0].ID - 1
				} else {
					q.After.N = page.Events[len(page.Events)-1].ID
				}
				more = page.More
			}
			if rows != n || pages > n/10 {
				t.Errorf("last %t: %d rows in %d pages", last, rows, pages)
			}
		}
		if n := strings.Count(log.String(), "cannot be read"); n != 1 {
			t.Errorf("the log tells it %d times", n)
		}
	})
}

// TestFaultyJob has a row of which not even the job can be told.
func TestFaultyJob(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.view(t, `event_id, CASE WHEN body = 'bad' THEN raises(body) ELSE task_id END AS task_id, body AS event_message, severity, event_time`)
		a.setJob(t, "job", "running")
		a.raw(t, "job", "bad")
		s, log := listened(t, a)
		f := follow(t, s)
		first := a.raw(t, "job", "abc")
		a.raw(t, "job", "bad")
		ids := append(first, a.raw(t, "job", "abc")...)
		tick, err := f.tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
		if err != nil {
			t.Fatal(err)
		}
		checkRows(t, "the tick", tick.Events, ids, nil)
		for _, last := range []bool{false, true} {
			page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 1 << 40}, Last: last})
			if err != nil || page.More {
				t.Fatal(err, page)
			}
			checkRows(t, "the page", page.Events, ids, nil)
		}
		recent, err := s.Recent(t.Context(), 10)
		if err != nil || len(recent) != 1 || recent[0].ID != ids[1] || recent[0].Time != 1700000000 {
			t.Errorf("recently %+v, %v", recent, err)
		}
		if n := strings.Count(log.String(), "cannot be read"); n != 1 {
			t.Errorf("the log tells it %d times:\n%s", n, log)
		}
	})
}

// TestFaultyState has a job whose state, or owner, cannot be read.
func TestFaultyState(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, raises+`ALTER TABLE vibe_tasks RENAME TO raw_tasks; CREATE VIEW vibe_tasks AS
			SELECT task_id, raises(execution_state) AS execution_state, raises(tenant_id) AS tenant_id FROM raw_tasks;
			INSERT INTO raw_tasks VALUES ('job', 'running', 't1'), ('sick', 'bad', 't1'), ('whose', 'running', 'bad')`)
		s, log := listened(t, a, withOwner)
		jobs, err := s.Jobs(t.Context(), []joblog.Ask{{ID: "job", Owner: "t1"}, {ID: "sick", Owner: "t1"}, {ID: "whose", Owner: "t1"}, {ID: "sick", Owner: "t2"}})
		if err != nil || len(jobs) != 2 || jobs[joblog.Ask{ID: "job", Owner: "t1"}].State != "running" || jobs[joblog.Ask{ID: "sick", Owner: "t1"}].ID != "sick" {
			t.Errorf("the jobs are %+v, %v", jobs, err)
		}
		f := follow(t, s)
		w := joblog.Watch{Jobs: map[string]struct{}{"job": {}, "sick": {}}, Ask: []string{"job", "sick"}}
		a.insertRaw(t, "sick", "job")
		tick, err := f.tail.Next(t.Context(), w)
		if err != nil || len(tick.Events) != 2 {
			t.Fatalf("got %+v, %v", tick, err)
		}
		a.exec(t, `UPDATE raw_tasks SET execution_state = 'completed' WHERE task_id = 'job'`)
		ended := ""
		for n := 0; ended == "" && n < 5; n++ {
			if tick, err = f.tail.Next(t.Context(), w); err != nil {
				t.Fatal(err)
			}
			ended = tick.Ended["job"]
		}
		if ended != "completed" {
			t.Errorf("the job has ended as %q", ended)
		}
		if n := strings.Count(log.String(), "cannot be read"); n != 1 {
			t.Errorf("the log tells it %d times:\n%s", n, log)
		}
	})
}

// insertRaw inserts rows past foreign keys.
func (a *app) insertRaw(t *testing.T, jobs ...string) {
	for _, job := range jobs {
		a.exec(t, `INSERT INTO vibe_events (task_id, event_message) VALUES ($1, 'm')`, job)
	}
}

// TestFaultyIDs has rows without an id that anybody can see.
func TestFaultyIDs(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.view(t, `nullif(event_id, 3) AS event_id, task_id, body AS event_message, severity, event_time`)
		a.setJob(t, "job", "running")
		a.exec(t, `INSERT INTO raw_events (event_id, task_id, body) VALUES (0, 'job', 'm'), (-7, 'job', 'm'), (3, 'job', 'm')`)
		ids := a.raw(t, "job", "abc", "abc")
		s, log := listened(t, a)
		f := follow(t, s)
		a.exec(t, `DELETE FROM raw_events WHERE event_id = 3`)
		ids = append(ids, a.raw(t, "job", "abc", "abc")...)
		tick, err := f.tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
		if err != nil {
			t.Fatal(err)
		}
		checkRows(t, "the tick", tick.Events, ids[3:], nil)
		page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 1 << 40}})
		if err != nil {
			t.Fatal(err)
		}
		checkRows(t, "the page", page.Events, slices.DeleteFunc(ids, func(id int64) bool { return id == 3 }), nil)
		for _, what := range []string{"below 1", "NULL"} {
			if n := strings.Count(log.String(), what); n != 1 {
				t.Errorf("the log has %q %d times:\n%s", what, n, log)
			}
		}
	})
}

// TestFaultyJobsOfMany has a row whose job cannot be worked out, among more rows of
// one than a page has: it goes by the ids of all, and passes none over that has no
// room.
func TestFaultyJobsOfMany(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		const rows = passRows + 10
		a.view(t, `event_id, CASE WHEN raises(body) = '' THEN '' ELSE task_id END AS task_id, body AS event_message, severity, event_time`)
		a.setJob(t, "job", "running")
		a.raw(t, "job", "bad")
		a.exec(t, fmt.Sprintf(`INSERT INTO raw_events (task_id, body) SELECT 'job', 'm' FROM generate_series(1, %d)`, rows))
		s, _ := listened(t, a)
		for _, last := range []bool{false, true} {
			seen, q := 0, joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 2 * rows}, Last: last}
			for more := true; more; {
				page, err := s.Read(t.Context(), q)
				if err != nil {
					t.Fatal(err)
				}
				n := len(page.Events)
				switch seen, more = seen+n, page.More; {
				case last && page.Passed > 0:
					q.UpTo.N = page.Passed - 1
				case last && n > 0:
					q.UpTo.N = page.Events[0].ID - 1
				case page.Passed > 0:
					q.After.N = page.Passed
				case n > 0:
					q.After.N = page.Events[n-1].ID
				}
			}
			if seen != rows {
				t.Errorf("the newest first: %t: %d rows, want %d", last, seen, rows)
			}
		}
	})
}

// TestSift counts the statements that it takes to find the bad among many.
func TestSift(t *testing.T) {
	for _, c := range []struct {
		name             string
		bad              func(i int) bool
		done, bad2, most int
	}{
		{"none", func(int) bool { return false }, 4000, 0, 1},
		{"one", func(i int) bool { return i == 2718 }, 4000, 1, 40},
		{"the first", func(i int) bool { return i == 0 }, 4000, 1, 40},
		{"the last", func(i int) bool { return i == 3999 }, 4000, 1, 40},
		{"all", func(int) bool { return true }, siftStatements - 12, siftStatements - 12, siftStatements},
	} {
		tried, passed := 0, 0
		s := sifter{statements: siftStatements}
		s.try = func(from, to int) (int, error) {
			tried++
			for i := from; i < to; i++ {
				if c.bad(i) {
					return 0, &pgconn.PgError{Code: "22021"}
				}
			}
			return to - from, nil
		}
		s.pass = func(int, error) error { passed++; return nil }
		done, err := s.sift(4000)
		if err != nil || done < c.done || passed < c.bad2 || tried > c.most {
			t.Errorf("%s: %d done, %d passed over, by %d statements, %v", c.name, done, passed, tried, err)
		}
	}
}

// TestFaultyOthers has errors that are of no row.
func TestFaultyOthers(t *testing.T) {
	for code, want := range map[string]bool{
		"22021": true, "22012": true, "P0001": true, "42883": true, "21000": true, "XX001": true, "54001": true,
		"57014": false, "57P01": false, "53300": false, "42501": false, "08006": false, "40001": false, "55000": false, "": false,
	} {
		if got := faulty(fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code})); got != want {
			t.Errorf("%q is of a row: %t", code, got)
		}
	}
	if faulty(&pgconn.PgError{Code: "42703", Position: 12}) {
		t.Error("a column that the statement names, and that is not there, is of a row")
	}
}
