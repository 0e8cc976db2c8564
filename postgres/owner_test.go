package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// as asks for a job as somebody.
func as(owner, job string) joblog.Ask { return joblog.Ask{ID: job, Owner: owner} }

// TestOwnerTypes has owner columns of several types. Owners are their texts, to
// the byte, whatever the column takes for equal.
func TestOwnerTypes(t *testing.T) {
	const uuid = "0a1b2c3d-0000-4000-8000-00000000abcd"
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `CREATE EXTENSION citext; CREATE TYPE tenant AS ENUM ('Jane', 'jane');
			CREATE COLLATION nocase (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`)
		for _, c := range []struct {
			typ, owner string
			others     []string
		}{
			{"text", "Jane", []string{"jane", "Jane "}},
			{"text COLLATE nocase", "Jane", []string{"jane", "JANE"}},
			{"citext", "Jane", []string{"jane", "JANE"}},
			{"char(10)", "Jane", []string{"jane", "Jane ", "Jane      "}},
			{"name", strings.Repeat("x", 63), []string{strings.Repeat("x", 64)}},
			{"tenant", "Jane", []string{"jane", "x"}},
			{"integer", "42", []string{"042", "+42", "42.0", " 42", "x", "99999999999"}},
			{"numeric", "1.50", []string{"1.5", "1.500"}},
			{"uuid", uuid, []string{strings.ToUpper(uuid), "{" + uuid + "}", "x"}},
			{"bytea", `\x4a`, []string{"J", `\x4A`}},
		} {
			t.Run(c.typ, func(t *testing.T) {
				a.exec(t, `DROP TABLE vibe_events, vibe_tasks; `+appSchema[:strings.Index(appSchema, requestsTable)])
				a.exec(t, `ALTER TABLE vibe_tasks ALTER tenant_id TYPE `+c.typ+` USING NULL`)
				a.exec(t, `INSERT INTO vibe_tasks VALUES ('job', 'running', '`+c.owner+`'), ('nobody', 'running', NULL)`)
				asks := []joblog.Ask{as(c.owner, "job"), as(c.owner, "nobody"), as("", "job"), as("", "nobody"), as("NULL", "nobody")}
				for _, other := range c.others {
					asks = append(asks, as(other, "job"))
				}
				got, err := opened(t, a.dsn, withOwner).Jobs(t.Context(), asks)
				want := joblog.Job{ID: "job", State: "running", Owner: c.owner, Version: got[asks[0]].Version}
				if err != nil || len(got) != 1 || got[asks[0]] != want {
					t.Errorf("got %+v, %v, want %+v alone", got, err, want)
				}
			})
		}
		t.Run("none", func(t *testing.T) {
			ask := anyones("job")[0]
			got, err := opened(t, a.dsn).Jobs(t.Context(), []joblog.Ask{ask, as("", "job"), as("x", "job")})
			if err != nil || len(got) != 1 || got[ask].Owner != "" {
				t.Errorf("got %+v, %v, want the one that asks for any owner", got, err)
			}
		})
	})
}

// TestOwnerRows has two rows of one id, as a view may: who asks gets theirs. An id that is not as the database writes it is another's no less.
func TestOwnerRows(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `CREATE TABLE shared (task_id integer, execution_state text, tenant_id text);
			INSERT INTO shared VALUES (7, 'one', 'her'), (7, 'two', 'him')`)
		s := opened(t, a.dsn, withOwner, func(d *Driver) { d.Jobs.Table = "shared" })
		a.exec(t, `DROP TABLE vibe_events; CREATE TABLE vibe_events (event_id bigserial PRIMARY KEY, task_id integer, event_message text, severity text, event_time bigint)`)
		asks := []joblog.Ask{as("her", "7"), as("him", "7"), as("her", "007"), as("us", "7"), as("us", "007"), as("her", "x")}
		got, err := s.Jobs(t.Context(), asks)
		if err != nil || len(got) != 3 || got[asks[0]].State != "one" || got[asks[1]].State != "two" || got[asks[2]].State != "one" {
			t.Errorf("got %+v, %v", got, err)
		}
	})
}

// TestJobsPlan asks for some of many jobs, with statistics and without: they are
// found by the index of their ids.
func TestJobsPlan(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `INSERT INTO vibe_tasks SELECT 'job-' || i, 'running', 'owner-' || i % 3 FROM generate_series(1, 100000) i`)
		for _, analyze := range []string{``, `ANALYZE vibe_tasks`} {
			a.exec(t, analyze)
			s := opened(t, a.dsn, withOwner)
			for _, n := range []int{1, 2, 50} {
				asked := map[joblog.Ask][]joblog.Ask{}
				for i := range n {
					for _, ask := range []joblog.Ask{as("owner-1", fmt.Sprint("job-", i)), {ID: fmt.Sprint("job-", i), AnyOwner: true}} {
						asked[ask] = []joblog.Ask{ask}
					}
				}
				list, ids, owners := columnsOf(asked)
				if _, err := s.Jobs(t.Context(), list); err != nil {
					t.Fatal(err)
				}
				for name, plan := range map[string]string{"for these": s.plan(t, s.layout.jobs, ids, owners), "for any": s.generic(t, s.layout.jobs, ids, owners)} {
					if strings.Contains(plan, "Seq Scan") || !strings.Contains(plan, "Index Cond: (task_id = a.job)") {
						t.Errorf("%d asks, %s, the plan %s:\n%s", n, analyze, name, plan)
					}
				}
			}
		}
	})
}

// generic is how Postgres runs a statement that it has planned once for all.
func (s *Store) generic(t testing.TB, query string, ids []string, owners []*string) (plan string) {
	t.Helper()
	err := s.use(t.Context(), func(ctx context.Context, pool *pgxpool.Pool, _ *layout) error {
		conn, err := pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		for _, sql := range []string{`SET plan_cache_mode = force_generic_plan`, `PREPARE asked (text[], text[]) AS ` + query} {
			if _, err := conn.Exec(ctx, sql); err != nil {
				return err
			}
		}
		rows, err := conn.Query(ctx, `EXPLAIN EXECUTE asked ($1, $2)`, pgx.QueryExecModeSimpleProtocol, ids, owners)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		plan = strings.Join(lines, "\n")
		if err == nil {
			_, err = conn.Exec(ctx, `DEALLOCATE asked; RESET plan_cache_mode`)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return plan
}

// TestForbiddenAsUnknown counts what a job of somebody else costs the server,
// and what one that is not there does: the same, and nothing but the rows that
// are the asker's leaves it.
func TestForbiddenAsUnknown(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `CREATE EXTENSION pg_stat_statements`)
		a.exec(t, `INSERT INTO vibe_tasks VALUES ('hers', 'running', 'her'), ('his', 'running', 'him'), ('nobodys', 'running', NULL)`)
		s := opened(t, a.dsn, withOwner)
		if _, err := s.Jobs(t.Context(), anyones("hers")); err != nil { // it then knows the layout
			t.Fatal(err)
		}
		for job, want := range map[string]int{"hers": 1, "his": 0, "nobodys": 0, "unknown": 0} {
			a.exec(t, `SELECT pg_stat_statements_reset()`)
			if _, err := s.Jobs(t.Context(), []joblog.Ask{as("her", job)}); err != nil {
				t.Fatal(err)
			}
			var calls, rows int
			if err := a.pool.QueryRow(t.Context(), `SELECT coalesce(sum(calls), 0), coalesce(sum(rows), 0) FROM pg_stat_statements
				WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
				AND query NOT LIKE '%pg_stat_statements%'`).Scan(&calls, &rows); err != nil {
				t.Fatal(err)
			}
			if calls != 1 || rows != want {
				t.Errorf("%s: %d statements brought %d rows, want 1 and %d", job, calls, rows, want)
			}
		}
	})
}
