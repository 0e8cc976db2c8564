package bench

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// BenchmarkCrowd is the latency, at 1,000 rows a second, beside 100 clients who
// replay logs of 20,000 rows, each its own, again and again.
func BenchmarkCrowd(b *testing.B) {
	const clients = 100
	dsn, pool := database(b, watchedJobs)
	run(b, pool, `ALTER TABLE vibe_events DISABLE TRIGGER ALL`)
	run(b, pool, fmt.Sprintf(`INSERT INTO vibe_tasks SELECT 'long-' || i, 'running' FROM generate_series(0, %d) i`, clients-1))
	run(b, pool, fmt.Sprintf(`INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		SELECT 'long-' || i %% %d, 'line ' || i || ' of the log, about as long as such lines are', 'info', i FROM generate_series(1, %d) i`, clients, clients*scaled(20_000)))
	run(b, pool, `ALTER TABLE vibe_events ENABLE TRIGGER ALL`)
	run(b, pool, `VACUUM ANALYZE`)
	for _, crowd := range []int{0, clients} {
		b.Run(fmt.Sprintf("replays=%d", crowd), func(b *testing.B) {
			latencyOf(b, dsn, "", func(ctx context.Context, origin string, rows []moments) {
				ctx, cancel := context.WithCancel(ctx)
				var replays sync.WaitGroup
				for i := range crowd {
					replays.Go(func() { replay(ctx, b, fmt.Sprintf("%s/jobs/long-%d/logs?follow=false", origin, i)) })
				}
				write(ctx, b, pool, rows, time.Second/1000)
				cancel()
				replays.Wait()
			}, scaled(20_000))
		})
	}
}

// replay reads a log again and again until ctx ends.
func replay(ctx context.Context, b *testing.B, address string) {
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	for ctx.Err() == nil {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
		if err != nil {
			b.Error(err)
			return
		}
		resp, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			if ctx.Err() == nil {
				b.Error(err)
			}
			return
		}
		_, _ = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
	}
}

// BenchmarkQueries is how many statements a second Postgres sees of a Caddy
// whose viewers watch so many jobs: in silence, at 100 rows a second, and after
// they have left.
func BenchmarkQueries(b *testing.B) {
	const most = 10_000
	dsn, pool := database(b, most)
	run(b, pool, `CREATE EXTENSION pg_stat_statements`)
	for _, watched := range []int{1, 100, scaled(most)} {
		b.Run(fmt.Sprintf("watched=%d", watched), func(b *testing.B) {
			origin := serve(b, fmt.Sprintf("store postgres {\n\t\t\tdsn %q\n\t\t}\n\t\tpoll_interval 1s", dsn))
			for b.Loop() {
				ctx, cancel := context.WithCancel(b.Context())
				var viewers, ready sync.WaitGroup
				ready.Add(watched)
				for i := range watched {
					viewers.Go(func() { view(ctx, b, origin, i, nil, ready.Done, func() {}) })
				}
				ready.Wait()
				sleep(ctx, 5*time.Second) // until it is quiet
				b.ReportMetric(statements(b, pool, func(d time.Duration) { sleep(ctx, d) }), "queries/s-quiet")
				b.ReportMetric(statements(b, pool, func(d time.Duration) {
					for end := time.Now().Add(d); time.Now().Before(end); sleep(ctx, 10*time.Millisecond) {
						insert(ctx, b, pool, new(moments), -1)
					}
				}), "queries/s-busy")
				cancel()
				viewers.Wait()
				sleep(b.Context(), 5*time.Second) // until it is noticed that they are gone
				b.ReportMetric(statements(b, pool, func(d time.Duration) { sleep(b.Context(), d) }), "queries/s-nobody")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// statements is how many a second the database sees while something goes on
// for so long, but for the benchmark's own.
func statements(b *testing.B, pool *pgxpool.Pool, during func(time.Duration)) float64 {
	b.Helper()
	run(b, pool, `SELECT pg_stat_statements_reset()`)
	begin := time.Now()
	during(max(time.Second, time.Duration(*scale*float64(20*time.Second))))
	var calls float64
	if err := pool.QueryRow(b.Context(), `SELECT coalesce(sum(calls), 0) FROM pg_stat_statements
		WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND toplevel
		AND query NOT LIKE 'INSERT INTO vibe_events%' AND query NOT LIKE '%pg_stat_statements%'`).Scan(&calls); err != nil {
		b.Fatal(err)
	}
	return calls / time.Since(begin).Seconds()
}
