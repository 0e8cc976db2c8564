package postgres

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

// badNames are names as nobody has them: SQL, what stands for names in our
// statements before they are made, and what we call things in them.
var badNames = map[string]tables.Tables{
	"SQL": {
		Events: tables.EventsTable{Table: `x"; DROP TABLE y; --`, ID: `i"; DROP TABLE y; --`, Job: `j'); DROP TABLE y; --`, Message: `m\"; /*`, Severity: `$1`, Time: `'||'`},
		Jobs:   tables.JobsTable{Table: `w""; DELETE FROM y`, ID: `"`, State: `'; --`, Owner: `o"."o`},
	},
	"places of names": {
		Events: tables.EventsTable{Table: `{id}`, ID: `{job}`, Job: `{max}`, Message: `{size}`, Severity: `{ms}`, Time: `{sev}`},
		Jobs:   tables.JobsTable{Table: `{events}`, ID: `{state}`, State: `{jobtype}`, Owner: `{owner}`},
	},
	"places of values": {
		Events: tables.EventsTable{Table: `{lo}`, ID: `{hi}`, Job: `{dir}`, Message: `{this}`, Severity: `{budget}`, Time: `{from_ms}`},
		Jobs:   tables.JobsTable{Table: `{watch}`, ID: `{sevtype}`, State: `{statetype}`, Owner: `%s%d`},
	},
	"our names": {
		Events: tables.EventsTable{Table: "r", ID: "job", Job: "msg", Message: "id", Severity: "case", Time: "of"},
		Jobs:   tables.JobsTable{Table: "g", ID: "fill", State: "w", Owner: "kept"},
	},
	"more of our names": {
		Events: tables.EventsTable{Table: "w", ID: "ms", Job: "at", Message: "size", Severity: "prev", Time: "n"},
		Jobs:   tables.JobsTable{Table: "e", ID: "lo", State: "hi", Owner: "x"},
	},
}

// TestBadNames reads and writes tables with such names.
func TestBadNames(t *testing.T) {
	for name, raw := range badNames {
		t.Run(name, func(t *testing.T) {
			onVersions(t, func(t *testing.T, a *app) { testNames(t, a, raw) })
		})
	}
}

// createBad makes tables with names, and one beside them; insert is the SQL of
// a row of the job.
func createBad(t *testing.T, a *app, n tables.Tables) (insert string) {
	t.Helper()
	q, e, j := tables.Quote, n.Events, n.Jobs
	a.exec(t, `CREATE TABLE y AS SELECT 1 AS one`)
	a.exec(t, `CREATE TABLE `+q(j.Table)+` (`+q(j.ID)+` text PRIMARY KEY, `+q(j.State)+` text, `+q(j.Owner)+` text)`)
	a.exec(t, `CREATE TABLE `+q(e.Table)+` (`+q(e.ID)+` bigserial PRIMARY KEY, `+q(e.Job)+` text, `+q(e.Message)+` text, `+q(e.Severity)+` text, `+q(e.Time)+` timestamptz)`)
	a.exec(t, `CREATE INDEX ON `+q(e.Table)+` (`+q(e.Job)+`, `+q(e.ID)+`)`)
	a.exec(t, `INSERT INTO `+q(j.Table)+` VALUES ('job', 'running', 'me')`)
	return `INSERT INTO ` + q(e.Table) + ` (` + q(e.Job) + `, ` + q(e.Message) + `, ` + q(e.Severity) + `) VALUES ('job', 'late', 'info')`
}

func testNames(t *testing.T, a *app, n tables.Tables) {
	insert := createBad(t, a, n)
	s := opened(t, a.dsn, func(d *Driver) {
		d.Tables = n
		d.Events.Table, d.Jobs.Table = tables.Quote(n.Events.Table), tables.Quote(n.Jobs.Table)
		d.Jobs.Terminal = []string{"done'; --"}
		if err := d.checkNames(); err != nil {
			t.Fatal(err)
		}
	})
	mine := joblog.Ask{ID: "job", Owner: "me"}
	jobs, err := s.Jobs(t.Context(), []joblog.Ask{mine, {ID: "job", Owner: "'; --"}, {ID: "'; --", AnyOwner: true}})
	if err != nil || len(jobs) != 1 || jobs[mine].State != "running" || jobs[mine].Owner != "me" {
		t.Fatalf("the jobs are %+v, %v", jobs, err)
	}
	tail, err := s.Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	late := a.begin(t)
	if _, err := late.Exec(t.Context(), insert); err != nil {
		t.Fatal(err)
	}
	batch := joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "z"}, {Message: "'); --"}, {Message: "a"}}}
	if _, err := s.Append(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	watch := joblog.Watch{Jobs: map[string]struct{}{"job": {}}, Ask: []string{"job"}}
	live := nextAll(t, tail, watch)
	before := live.Position
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	live.Events = append(live.Events, nextAll(t, tail, watch).Events...)
	says := func(what string, events []joblog.Event, want ...string) {
		t.Helper()
		var got []string
		for _, e := range events {
			got = append(got, e.Message)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", what, got, want)
		}
	}
	says("live", live.Events, "z", "'); --", "a", "late")
	read := func(q joblog.Query) []joblog.Event {
		t.Helper()
		q.Job, q.UpTo = "job", tail.Position()
		page, err := s.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return page.Events
	}
	says("all", read(joblog.Query{}), "late", "z", "'); --", "a")
	says("the last", read(joblog.Query{Last: true, Limit: 2}), "'); --", "a")
	says("the rest", read(joblog.Query{After: before}), "late")
	says("in two ranges", read(joblog.Query{After: joblog.Cursor{N: 3, Holes: joblog.Ranges{{Lo: 2, Hi: 2}}}}), "z", "a")
	if err := s.SetState(t.Context(), "job", "done'; --"); err != nil {
		t.Error(err)
	}
	if tick := nextAll(t, tail, watch); tick.Ended["job"] != "done'; --" {
		t.Errorf("the end is %v", tick.Ended)
	}
	if id, err := s.Newest(t.Context()); err != nil || id != 4 {
		t.Errorf("the newest is %d, %v", id, err)
	}
	if recent, err := s.Recent(t.Context(), 5); err != nil || len(recent) != 1 || recent[0].Job != "job" || recent[0].ID != 4 || recent[0].Time == 0 {
		t.Errorf("the recent jobs are %+v, %v", recent, err)
	}
	var bystander int
	if err := a.pool.QueryRow(t.Context(), `SELECT one FROM y`).Scan(&bystander); err != nil || bystander != 1 {
		t.Errorf("the table beside them has %d, %v", bystander, err)
	}
	testEachStatement(t, s)
}

// testEachStatement lets the server parse what the test above may not have
// come to.
func testEachStatement(t *testing.T, s *Store) {
	err := s.use(t.Context(), func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		all := []string{
			l.jobs, l.locks, l.last, l.marks, l.recent, l.newest, l.gaps, l.fence, l.count, l.hasJob, l.setState, l.insert, l.lastTime,
			l.stateless, l.within[false], l.within[true], l.rows, l.whose, l.bare, l.states, l.newestOf, l.timesOf,
		}
		for _, sql := range l.page {
			all = append(all, sql)
		}
		for _, sql := range l.tail {
			all = append(all, sql)
		}
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			for _, sql := range all {
				if _, err := tx.Prepare(ctx, "", sql); err != nil {
					t.Errorf("%s: %v", strings.Join(strings.Fields(sql), " "), err)
					return err
				}
			}
			return nil
		})
	})
	if err != nil {
		t.Error(err)
	}
}
