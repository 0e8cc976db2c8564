package postgres

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// clustered is a table in which jobs wrote one after the other, as most do: the
// first one 30,000 rows, the others 100 each.
const clustered = `INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, 999) i;
	INSERT INTO vibe_events (event_id, task_id, event_message)
	SELECT i, CASE WHEN i <= 30000 THEN 'job-0' ELSE 'job-' || i / 100 END, 'line ' || i FROM generate_series(1, 99999) i;
	SELECT setval(pg_get_serial_sequence('vibe_events', 'event_id'), 99999);`

// TestPagePlan reads the ends of a log that others' rows follow. Nothing but
// the log's own rows is looked at.
func TestPagePlan(t *testing.T) {
	for name, schema := range map[string]string{
		"table": clustered,
		"partitions": `DROP TABLE vibe_events; CREATE TABLE vibe_events (event_id bigserial, task_id text, event_message text, severity text,
			event_time bigint, PRIMARY KEY (event_id)) PARTITION BY RANGE (event_id);
			CREATE TABLE one PARTITION OF vibe_events FOR VALUES FROM (1) TO (50000);
			CREATE TABLE two PARTITION OF vibe_events FOR VALUES FROM (50000) TO (1000000); CREATE INDEX ON vibe_events (task_id, event_id);` + clustered,
	} {
		t.Run(name, func(t *testing.T) {
			onVersions(t, func(t *testing.T, a *app) {
				a.exec(t, schema)
				a.exec(t, `ANALYZE vibe_events`)
				s := opened(t, a.dsn)
				for _, q := range []joblog.Query{
					{After: joblog.Cursor{N: 29_990}, UpTo: joblog.Cursor{N: 99_999}},
					{After: joblog.Cursor{N: 30_000}, UpTo: joblog.Cursor{N: 99_999}},
					{After: joblog.Cursor{N: 30_000, Holes: joblog.Ranges{{Lo: 7, Hi: 8}}}, UpTo: joblog.Cursor{N: 99_999}},
					{UpTo: joblog.Cursor{N: 99_999}, Last: true, Limit: 10},
				} {
					t.Run(fmt.Sprintf("after %s, last %t", q.After, q.Last), func(t *testing.T) { checkPlan(t, s, q) })
				}
			})
		})
	}
}

// checkPlan fails if a page of job-0 touches what is not its own.
func checkPlan(t *testing.T, s *Store, q joblog.Query) {
	q.Job = "job-0"
	page, err := s.Read(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var want, got []int64
	for id := int64(1); id <= 30_000; id++ {
		if q.UpTo.Covers(id) && !q.After.Covers(id) {
			want = append(want, id)
		}
	}
	if q.Last {
		want = want[len(want)-q.Limit:]
	}
	for _, e := range page.Events {
		got = append(got, e.ID)
	}
	if !slices.Equal(got, want) {
		t.Errorf("the page is %v, want %v", got, want)
	}
	for wanted := missing(q.After, q.UpTo); len(wanted) > 0; {
		some, rest := portion(wanted, q.Last)
		wanted = rest
		for _, bulky := range []bool{false, true} {
			p := paging{layout: s.layout, store: s, q: q, job: "job-0", limit: joblog.PageRows}
			k := pageKind{last: q.Last, ranges: len(some) > 1, bulky: bulky}
			plan := s.plan(t, s.layout.page[k], p.args(k, some)...)
			if strings.Contains(plan, "Removed by Filter") || strings.Contains(plan, "Seq Scan") {
				t.Errorf("rows of others are read:\n%s", plan)
			}
		}
	}
}

// TestRecentPlan looks for the recent jobs in a table with more rows than are
// looked at.
func TestRecentPlan(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, clustered)
		a.exec(t, `ANALYZE vibe_events`)
		s := opened(t, a.dsn)
		recent, err := s.Recent(t.Context(), 1000)
		if err != nil || len(recent) != joblog.RecentRows/100 || recent[0].ID != 99_999 {
			t.Errorf("got %d jobs, %v", len(recent), err)
		}
		plan := s.plan(t, s.layout.recent, 1000)
		if strings.Contains(plan, "Removed by Filter") || strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "Backward") {
			t.Errorf("more than the newest rows are read:\n%s", plan)
		}
	})
}

// plan is how Postgres runs a statement.
func (s *Store) plan(t testing.TB, query string, args ...any) (plan string) {
	t.Helper()
	err := s.use(t.Context(), func(ctx context.Context, pool *pgxpool.Pool, _ *layout) error {
		rows, err := pool.Query(ctx, "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) "+query, args...)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = manyValues.ReplaceAllString(strings.Join(lines, "\n"), "{…}")
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return plan
}

// manyValues is an array in a plan that is long.
var manyValues = regexp.MustCompile(`\{[^{}]{60,}\}`)

// TestIndexes says which indexes are missing, and makes do without.
func TestIndexes(t *testing.T) {
	const byID, byJob = "ON \"vibe_events\" (\"event_id\")", "ON \"vibe_events\" (\"task_id\", \"event_id\")"
	const table = `DROP TABLE vibe_events; CREATE TABLE vibe_events (event_id bigserial, task_id text, event_message text, severity text, event_time bigint)`
	for _, c := range []struct {
		name, schema string
		missing      []string
	}{
		{"all", ``, nil},
		{"none", table, []string{byID, byJob}},
		{"a key that begins with something else", table + `; ALTER TABLE vibe_events ADD created timestamptz DEFAULT now(), ADD PRIMARY KEY (created, event_id)`, []string{byID, byJob}},
		{"parts of the table", table + `; CREATE INDEX ON vibe_events (event_id) WHERE event_id > 5; CREATE INDEX ON vibe_events (task_id, event_id) WHERE event_id > 5`, []string{byID, byJob}},
		{"another order", table + `; CREATE INDEX ON vibe_events (event_id DESC); CREATE INDEX ON vibe_events (task_id, event_id DESC)`, []string{byJob}},
		{"backwards", table + `; CREATE INDEX ON vibe_events (event_id); CREATE INDEX ON vibe_events (task_id DESC, event_id DESC)`, nil},
		{"for patterns", table + `; CREATE INDEX ON vibe_events (event_id); CREATE INDEX ON vibe_events (task_id text_pattern_ops, event_id)`, []string{byJob}},
		{"another collation", table + `; CREATE INDEX ON vibe_events (event_id); CREATE INDEX ON vibe_events (task_id COLLATE "POSIX", event_id)`, []string{byJob}},
		{"columns that are only carried", table + `; CREATE INDEX ON vibe_events (event_id); CREATE INDEX ON vibe_events (task_id) INCLUDE (event_id)`, []string{byJob}},
		{
			"in one of two partitions", table + ` PARTITION BY RANGE (event_id); CREATE TABLE one PARTITION OF vibe_events FOR VALUES FROM (1) TO (1000);
			CREATE TABLE two PARTITION OF vibe_events FOR VALUES FROM (1000) TO (2000); CREATE INDEX ON vibe_events (event_id);
			CREATE INDEX ON one (task_id, event_id)`, []string{byJob},
		},
		{"a view", `ALTER TABLE vibe_events RENAME TO below; CREATE VIEW vibe_events AS SELECT * FROM below`, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			onVersions(t, func(t *testing.T, a *app) {
				a.exec(t, c.schema)
				a.setJob(t, "job", "running")
				a.setJob(t, "other", "running")
				s := opened(t, a.dsn)
				a.insert(t, "job", joblog.Event{Message: "1"})
				a.insert(t, "other", joblog.Event{Message: "2"})
				a.insert(t, "job", joblog.Event{Message: "3"})
				for _, last := range []bool{false, true} {
					page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 10}, Last: last})
					if err != nil || len(page.Events) != 2 || page.Events[0].Message != "1" || page.Events[1].Message != "3" {
						t.Errorf("the page is %v, %v", page.Events, err)
					}
				}
				warnings := strings.Join(s.layout.warnings, "\n")
				for _, index := range []string{byID, byJob} {
					if want := slices.Contains(c.missing, index); strings.Contains(warnings, index) != want {
						t.Errorf("CREATE INDEX %s is asked for: %t, want %t\n%s", index, !want, want, warnings)
					}
				}
				if strings.Contains(c.schema, "PARTITION") && strings.Contains(warnings, "CONCURRENTLY") {
					t.Errorf("partitioned tables have no index made concurrently:\n%s", warnings)
				}
			})
		})
	}
}
