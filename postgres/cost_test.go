package postgres

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestStatementsATick counts what ticks cost the server, whatever is watched
// and whether there are holes: two statements each, and none that prepares.
func TestStatementsATick(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `CREATE EXTENSION pg_stat_statements`)
		a.exec(t, `INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, 9999) i`)
		for _, watched := range []int{1, 1000, 1001, 10_000} {
			for _, holes := range []bool{false, true} {
				t.Run(fmt.Sprintf("%d jobs, holes %t", watched, holes), func(t *testing.T) { a.countStatements(t, watched, holes) })
			}
		}
	})
}

func (a *app) countStatements(t *testing.T, watched int, holes bool) {
	tail, err := opened(t, a.dsn).Tail(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := joblog.Watch{Jobs: map[string]struct{}{}}
	for i := range watched {
		w.Jobs[fmt.Sprint("job-", i)] = struct{}{}
		w.Ask = append(w.Ask, fmt.Sprint("job-", i))
	}
	ticks := func(n int) (rows int) {
		for range n {
			a.insert(t, "job-0", joblog.Event{Message: "a row"})
			tick, err := tail.Next(t.Context(), w)
			if err != nil {
				t.Fatal(err)
			}
			rows += len(tick.Events)
		}
		return rows
	}
	if holes {
		tx := a.begin(t)
		if _, err := tx.Exec(t.Context(), `INSERT INTO vibe_events (task_id, event_message) VALUES ('job-0', 'late')`); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = tx.Rollback(t.Context()) }()
	}
	ticks(3)
	a.exec(t, `SELECT pg_stat_statements_reset()`)
	const n = 10
	if rows := ticks(n); rows != n {
		t.Errorf("got %d rows in %d ticks", rows, n)
	}
	rows, err := a.pool.Query(t.Context(), `SELECT left(query, 60), calls FROM pg_stat_statements
		WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
		AND query NOT LIKE 'INSERT%' AND query NOT LIKE 'NOTIFY%' AND query NOT LIKE '%pg_stat_statements_reset%'`)
	if err != nil {
		t.Fatal(err)
	}
	var query string
	var calls, total int
	var all []string
	_, err = pgx.ForEachRow(rows, []any{&query, &calls}, func() error {
		total += calls
		all = append(all, fmt.Sprintf("%d × %s", calls, query))
		return nil
	})
	if err != nil || total != 2*n {
		t.Errorf("%d statements in %d ticks, want %d; %v\n%q", total, n, 2*n, err, all)
	}
}
