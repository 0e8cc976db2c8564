package postgres

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// The benchmarks use a table of ten million rows, of 20,000 jobs of 450 rows
// and one of a million, among half a million jobs. `make bench` runs them;
// smaller numbers show that they run.
var (
	largeRows = flag.Int("rows", 10_000_000, "rows of the benchmarks' table")
	largeJobs = flag.Int("jobs", 500_000, "jobs of the benchmarks' table, 20,000 at least")
	openFor   = flag.Duration("open", 10*time.Minute, "how long a transaction has been open when ticks beside it are measured")
)

const largeSchema = `CREATE EXTENSION pg_stat_statements;
CREATE TABLE vibe_tasks (task_id text PRIMARY KEY, execution_state text NOT NULL);
INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, {jobs} - 1) i;
INSERT INTO vibe_tasks VALUES ('huge', 'running');
CREATE TABLE vibe_events (event_id bigserial, task_id text NOT NULL, event_message text NOT NULL, severity text, event_time bigint);
INSERT INTO vibe_events (task_id, event_message, severity, event_time)
	SELECT CASE i % 10 WHEN 0 THEN 'huge' ELSE 'job-' || i * 7919::bigint % 20000 END,
		'line ' || i || ' of the log, about as long as such lines are', 'info', i FROM generate_series(1, {rows}) i;
ALTER TABLE vibe_events ADD PRIMARY KEY (event_id);
CREATE INDEX ON vibe_events (task_id, event_id);
DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET pg_stat_statements.track_planning = on', current_database()); END $$`

func large(b *testing.B) *app {
	b.Helper()
	a := newApp(b, testdb.Shared(b, "18").Database(b), strings.NewReplacer("{rows}", fmt.Sprint(*largeRows), "{jobs}", fmt.Sprint(*largeJobs)).Replace(largeSchema))
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
// transaction open, long ago, with those before it began and after it ended. The
// tail has followed all the while, once a second, and others have written.
func BenchmarkOpenTransaction(b *testing.B) {
	a := large(b)
	f := a.newTicker(b, 10_000)
	f.follow(b, 2*youngHole)
	measure := func(when string) {
		for _, rows := range []int{0, 100} {
			b.Run(fmt.Sprintf("%s/rows=%d", when, rows), func(b *testing.B) { f.measure(b, rows) })
		}
	}
	measure("before")
	tx := a.leaveOpen(b)
	f.follow(b, *openFor)
	measure("beside")
	if err := tx.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
	f.follow(b, 2*youngHole)
	measure("after")
}

// leaveOpen begins a transaction that leaves a hundred holes, and lets it be.
func (a *app) leaveOpen(b *testing.B) pgx.Tx {
	tx := a.begin(b)
	for range 100 {
		if _, err := tx.Exec(b.Context(), `INSERT INTO vibe_events (task_id, event_message) VALUES ('job-1', 'open')`); err != nil {
			b.Fatal(err)
		}
		a.insert(b, "job-2", joblog.Event{Message: "between"})
	}
	return tx
}

// ticker is a tail with jobs that are watched.
type ticker struct {
	a    *app
	tail joblog.Tail
	w    joblog.Watch
}

func (a *app) newTicker(b *testing.B, watched int) *ticker {
	b.Helper()
	tail, err := opened(b, a.dsn).Tail(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	f := &ticker{a: a, tail: tail, w: joblog.Watch{Jobs: map[string]struct{}{}}}
	for i := range watched {
		f.w.Jobs[fmt.Sprint("job-", i)] = struct{}{}
		f.w.Ask = append(f.w.Ask, fmt.Sprint("job-", i))
	}
	return f
}

// follow ticks for a while.
func (f *ticker) follow(b *testing.B, d time.Duration) {
	second := time.NewTicker(time.Second)
	defer second.Stop()
	for late := time.Now().Add(d); time.Now().Before(late); <-second.C {
		f.a.insert(b, "job-2", joblog.Event{Message: "meanwhile"})
		f.next(b)
	}
}

func (f *ticker) next(b *testing.B) int { return len(nextAll(b, f.tail, f.w).Events) }

func (a *app) benchTick(b *testing.B, watched, rows int) {
	f := a.newTicker(b, watched)
	for late := time.Now().Add(2 * youngHole); time.Now().Before(late); {
		f.next(b) // until all holes are as old as they will be for most of their life
	}
	f.measure(b, rows)
}

func (f *ticker) measure(b *testing.B, rows int) {
	f.a.measure(b, rows, `WITH %`, func() int {
		tick, err := f.tail.Next(b.Context(), f.w)
		if err != nil {
			b.Fatal(err)
		}
		return len(tick.Events)
	})
}

// measure reports the time of something that reads rows, and of its statements
// in the database. Before each time rows are written, half of them of the jobs
// that are watched, if 10,000 are.
func (a *app) measure(b *testing.B, rows int, statements string, read func() int) {
	a.exec(b, `SELECT pg_stat_statements_reset()`)
	got, ticks := 0, 0
	for b.Loop() {
		if rows > 0 {
			b.StopTimer()
			a.exec(b, `INSERT INTO vibe_events (task_id, event_message, severity, event_time) SELECT 'job-' || i * 7919 % 20000,
				'a new line of the log, about as long as such lines are', 'info', i FROM generate_series(1, $1) i`, rows)
			b.StartTimer()
		}
		got += read()
		ticks++
	}
	var run, plan float64
	if err := a.pool.QueryRow(b.Context(), `SELECT sum(total_exec_time), sum(total_plan_time) FROM pg_stat_statements WHERE query LIKE $1`, statements).
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
	if _, err := s.Jobs(b.Context(), anyones("huge")); err != nil { // it then knows the layout
		b.Fatal(err)
	}
	var highest int64
	if err := a.pool.QueryRow(b.Context(), `SELECT max(event_id) FROM vibe_events`).Scan(&highest); err != nil {
		b.Fatal(err)
	}
	ids := make([]string, 10_000)
	for i := range ids {
		ids[i] = fmt.Sprint("job-", i)
	}
	var places []pgtype.TID
	if err := a.pool.QueryRow(b.Context(), `SELECT array_agg(ctid) FROM vibe_tasks WHERE task_id = ANY($1)`, ids).Scan(&places); err != nil {
		b.Fatal(err)
	}
	l := s.layout
	for _, c := range []struct {
		name, query string
		args        []any
	}{
		{
			"1,000 rows, 10,000 jobs watched, their rows looked for where they were", l.tail[tailKind{places: true}],
			[]any{highest - 1000, tickRows, []string(nil), []string{}, l.terminal, true, places},
		},
		{"the same, asked for by id", l.tail[tailKind{}], []any{highest - 1000, tickRows, []string(nil), ids, l.terminal, true}},
		{
			"1,000 rows, 100 jobs watched, 2 holes", l.tail[tailKind{filter: true, holes: true, places: true}],
			[]any{highest - 1000, tickRows, ids[:100], []string{}, l.terminal, true, []int64{5, 900}, []int64{6, 900}, places[:100]},
		},
		{"the lock holders", l.locks, []any{l.relations}},
		{"a page of a log", l.page[pageKind{}], []any{"huge", highest / 2, highest, joblog.PageRows + 1}},
	} {
		b.Logf("%s\n%s", c.name, s.plan(b, c.query, c.args...))
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
				if err != nil || n != int64(*largeRows/10) {
					b.Fatalf("%d rows, %v", n, err)
				}
			}
			b.ReportMetric(float64(*largeRows/10*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run("pages", func(b *testing.B) {
			for b.Loop() {
				if n := readAll(b, s, "huge"); n != *largeRows/10 {
					b.Fatalf("%d rows", n)
				}
			}
			b.ReportMetric(float64(*largeRows/10*b.N)/b.Elapsed().Seconds(), "rows/s")
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
