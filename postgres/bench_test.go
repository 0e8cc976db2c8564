package postgres

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// The benchmarks use a table of ten million rows, of 20,000 jobs of 450 rows
// and one of a million. `make bench` runs them.
const largeSchema = `CREATE EXTENSION pg_stat_statements;
CREATE TABLE vibe_tasks (task_id text PRIMARY KEY, execution_state text NOT NULL);
INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, 19999) i;
INSERT INTO vibe_tasks VALUES ('huge', 'running');
CREATE TABLE vibe_events (event_id bigserial, task_id text NOT NULL, event_message text NOT NULL, severity text, event_time bigint);
INSERT INTO vibe_events (task_id, event_message, severity, event_time)
	SELECT CASE i % 10 WHEN 0 THEN 'huge' ELSE 'job-' || i * 7919::bigint % 20000 END,
		'line ' || i || ' of the log, about as long as such lines are', 'info', i FROM generate_series(1, 10000000) i;
ALTER TABLE vibe_events ADD PRIMARY KEY (event_id);
CREATE INDEX ON vibe_events (task_id, event_id);
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET pg_stat_statements.track_planning = on', current_database()); END $$`

func large(b *testing.B) *app {
	b.Helper()
	a := newApp(b, testdb.Shared(b, "18").Database(b), largeSchema)
	a.exec(b, `VACUUM ANALYZE`)
	a.pool.Reset()
	return a
}

// BenchmarkTick is the time of a tick, as a whole and in the database, with so
// many jobs watched and so many rows that are new: 1,000 in a tick of 50 ms
// are 20,000 a second. Half of the rows are of jobs that are watched, if
// 10,000 are.
func BenchmarkTick(b *testing.B) {
	a := large(b)
	for _, watched := range []int{1, 100, 1000, 10_000} {
		for _, rows := range []int{0, 100, 1000} {
			b.Run(fmt.Sprintf("watched=%d/rows=%d", watched, rows), func(b *testing.B) { a.benchTick(b, watched, rows) })
		}
	}
	a.explain(b)
}

// BenchmarkOpenTransaction compares ticks beside a writer that left its
// transaction open with those without one.
func BenchmarkOpenTransaction(b *testing.B) {
	a := large(b)
	for _, rows := range []int{0, 100} {
		b.Run(fmt.Sprintf("open=false/rows=%d", rows), func(b *testing.B) { a.benchTick(b, 10_000, rows) })
		b.Run(fmt.Sprintf("open=true/rows=%d", rows), func(b *testing.B) {
			tx := a.begin(b)
			for range 100 { // as many holes
				if _, err := tx.Exec(b.Context(), `INSERT INTO vibe_events (task_id, event_message) VALUES ('job-1', 'open')`); err != nil {
					b.Fatal(err)
				}
				a.insert(b, "job-2", joblog.Event{Message: "between"})
			}
			a.benchTick(b, 10_000, rows)
		})
	}
}

func (a *app) benchTick(b *testing.B, watched, rows int) {
	tail, err := opened(b, a.dsn).Tail(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	w := joblog.Watch{Jobs: map[string]struct{}{}}
	for i := range watched {
		w.Jobs[fmt.Sprint("job-", i)] = struct{}{}
		w.Ask = append(w.Ask, fmt.Sprint("job-", i))
	}
	for late := time.Now().Add(2 * youngHole); time.Now().Before(late); {
		nextAll(b, tail, w) // until all holes are as old as they will be for most of their life
	}
	a.exec(b, `SELECT pg_stat_statements_reset()`)
	got, ticks := 0, 0
	for b.Loop() {
		if rows > 0 {
			b.StopTimer()
			a.exec(b, `INSERT INTO vibe_events (task_id, event_message, severity, event_time) SELECT 'job-' || i * 7919 % 20000,
				'a new line of the log, about as long as such lines are', 'info', i FROM generate_series(1, $1) i`, rows)
			b.StartTimer()
		}
		tick, err := tail.Next(b.Context(), w)
		if err != nil {
			b.Fatal(err)
		}
		got += len(tick.Events)
		ticks++
	}
	var run, plan float64
	if err := a.pool.QueryRow(b.Context(), `SELECT sum(total_exec_time), sum(total_plan_time) FROM pg_stat_statements WHERE query LIKE 'WITH %'`).
		Scan(&run, &plan); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(run/float64(ticks), "ms-run/tick")
	b.ReportMetric(plan/float64(ticks), "ms-plan/tick")
	b.ReportMetric(float64(got)/float64(ticks), "rows/tick")
}

// explain logs how Postgres runs the statements of a tick.
func (a *app) explain(b *testing.B) {
	s := opened(b, a.dsn)
	err := s.use(b.Context(), func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		var highest int64
		if err := pool.QueryRow(ctx, "SELECT max(event_id) FROM vibe_events").Scan(&highest); err != nil {
			return err
		}
		ids := make([]string, 10_000)
		for i := range ids {
			ids[i] = fmt.Sprint("job-", i)
		}
		for _, c := range []struct {
			name, query string
			args        []any
		}{
			{"1,000 rows, 10,000 jobs watched and asked for", l.tail[tailKind{}], []any{highest - 1000, tickRows, []string(nil), ids, l.terminal}},
			{"1,000 rows, 100 jobs watched, 2 holes", l.tail[tailKind{true, true}], []any{highest - 1000, tickRows, ids[:100], ids[:100], l.terminal, []int64{5, 900}, []int64{6, 900}}},
			{"the lock holders", l.locks, []any{l.relations}},
			{"a page of a log", l.page[pageKind{}], []any{"huge", 5_000_000, highest, joblog.PageRows + 1}},
		} {
			rows, err := pool.Query(ctx, "EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) "+c.query, c.args...)
			if err != nil {
				return err
			}
			lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
			if err != nil {
				return err
			}
			b.Logf("%s\n%s", c.name, strings.Join(lines, "\n"))
		}
		return nil
	})
	if err != nil {
		b.Error(err)
	}
}

// BenchmarkReplay compares a log of a million rows, read page by page, with
// COPY of the same columns.
func BenchmarkReplay(b *testing.B) {
	a := large(b)
	s := opened(b, a.dsn)
	for range 3 {
		b.Run("copy", func(b *testing.B) {
			for b.Loop() {
				n, err := a.copyOut(b.Context())
				if err != nil || n != 1_000_000 {
					b.Fatalf("%d rows, %v", n, err)
				}
			}
			b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run("pages", func(b *testing.B) {
			for b.Loop() {
				if n := readAll(b, s, "huge"); n != 1_000_000 {
					b.Fatalf("%d rows", n)
				}
			}
			b.ReportMetric(1e6*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func (a *app) copyOut(ctx context.Context) (int64, error) {
	conn, err := a.pool.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	var lines lineCounter
	_, err = conn.Conn().PgConn().CopyTo(ctx, &lines,
		`COPY (SELECT event_id, event_message, severity, event_time FROM vibe_events WHERE task_id = 'huge' ORDER BY event_id) TO STDOUT`)
	return int64(lines), err
}

type lineCounter int64

func (c *lineCounter) Write(p []byte) (int, error) {
	*c += lineCounter(strings.Count(string(p), "\n"))
	return len(p), nil
}

func readAll(b *testing.B, s *Store, job string) (n int) {
	b.Helper()
	q := joblog.Query{Job: job, UpTo: joblog.Cursor{N: 1 << 62}}
	for {
		page, err := s.Read(b.Context(), q)
		if err != nil {
			b.Fatal(err)
		}
		n += len(page.Events)
		if !page.More {
			return n
		}
		q.After.N = page.Events[len(page.Events)-1].ID
	}
}
