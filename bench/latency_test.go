package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// watchedJobs is how many jobs are watched, each by one viewer.
const watchedJobs = 1000

// moments are when a row's insertion began, when its commit was acknowledged,
// and when its viewer had it.
type moments struct{ begun, committed, seen time.Time }

// BenchmarkLatency is the time from a commit to the bytes at the client, with
// 1,000 watched jobs: at 1,000 rows a second with and without hints, and
// without hints after silence.
func BenchmarkLatency(b *testing.B) {
	dsn, pool := database(b, watchedJobs)
	b.Run("notify", func(b *testing.B) {
		latency(b, dsn, "", func(ctx context.Context, rows []moments) { write(ctx, b, pool, rows, time.Second/1000) }, scaled(20_000))
	})
	b.Run("poll=1s", func(b *testing.B) {
		latency(b, dsn, "notify off", func(ctx context.Context, rows []moments) { write(ctx, b, pool, rows, time.Second/1000) }, scaled(20_000))
	})
	b.Run("poll=1s/quiet", func(b *testing.B) {
		latency(b, dsn, "notify off", func(ctx context.Context, rows []moments) {
			for i := range rows {
				sleep(ctx, 3*time.Second+time.Duration(rand.IntN(1000))*time.Millisecond)
				insert(ctx, b, pool, &rows[i], i)
			}
		}, scaled(12))
	})
}

// BenchmarkOpenTransaction is the latency beside a writer that wrote a row and
// then left its transaction open for ten minutes, in which others wrote, and
// right after it has ended.
func BenchmarkOpenTransaction(b *testing.B) {
	dsn, pool := database(b, watchedJobs)
	tx, err := pool.Begin(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	if _, err := tx.Exec(b.Context(), `INSERT INTO vibe_events (task_id, event_message, event_time) VALUES ('job-0', 'late', 1)`); err != nil {
		b.Fatal(err)
	}
	b.Run("open", func(b *testing.B) {
		latency(b, dsn, "", func(ctx context.Context, rows []moments) {
			for late := time.Now().Add(time.Duration(*scale * float64(10*time.Minute))); time.Now().Before(late); sleep(ctx, 50*time.Millisecond) {
				insert(ctx, b, pool, new(moments), -1)
			}
			write(ctx, b, pool, rows, time.Second/1000)
		}, scaled(20_000))
	})
	if err := tx.Commit(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Run("closed", func(b *testing.B) {
		latency(b, dsn, "", func(ctx context.Context, rows []moments) { write(ctx, b, pool, rows, time.Second/1000) }, scaled(20_000))
	})
}

func latency(b *testing.B, dsn, option string, writing func(context.Context, []moments), n int) {
	latencyOf(b, dsn, option, func(ctx context.Context, _ string, rows []moments) { writing(ctx, rows) }, n)
}

// latencyOf is latency whose writing knows where Caddy is.
func latencyOf(b *testing.B, dsn, option string, writing func(ctx context.Context, origin string, rows []moments), n int) {
	origin := serve(b, fmt.Sprintf("store postgres {\n\t\t\tdsn %q\n\t\t\t%s\n\t\t}\n\t\tpoll_interval 1s", dsn, option))
	for b.Loop() {
		rows := make([]moments, n)
		ctx, cancel := context.WithCancel(b.Context())
		var viewers sync.WaitGroup
		var ready, left sync.WaitGroup
		ready.Add(watchedJobs)
		left.Add(n)
		for i := range watchedJobs {
			viewers.Go(func() { view(ctx, b, origin, i, rows, ready.Done, left.Done) })
		}
		ready.Wait()
		sleep(ctx, time.Second)
		writing(ctx, origin, rows)
		left.Wait()
		cancel()
		viewers.Wait()
		report(b, rows)
	}
}

// write inserts rows at a steady rate, each in a transaction of its own, over
// eight connections.
func write(ctx context.Context, b *testing.B, pool *pgxpool.Pool, rows []moments, every time.Duration) {
	var writers sync.WaitGroup
	next := make(chan int)
	for range 8 {
		writers.Go(func() {
			for i := range next {
				insert(ctx, b, pool, &rows[i], i)
			}
		})
	}
	begin := time.Now()
	for i := range rows {
		sleep(ctx, time.Until(begin.Add(time.Duration(i)*every)))
		next <- i
	}
	close(next)
	writers.Wait()
}

func insert(ctx context.Context, b *testing.B, pool *pgxpool.Pool, m *moments, i int) {
	m.begun = time.Now()
	_, err := pool.Exec(ctx, `INSERT INTO vibe_events (task_id, event_message, event_time) VALUES ($1, $2, 1)`,
		fmt.Sprint("job-", rand.IntN(watchedJobs)), fmt.Sprintf("row %d.", i))
	m.committed = time.Now()
	if err != nil {
		b.Error(err)
	}
}

// view notes when rows come.
func view(ctx context.Context, b *testing.B, origin string, job int, rows []moments, ready, seen func()) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/jobs/job-%d/logs?tail=0", origin, job), http.NoBody)
	if err != nil {
		b.Error(err)
		return
	}
	transport := &http.Transport{DisableCompression: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Do(req)
	if err != nil {
		b.Error(err)
		return
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if bytes.Equal(lines.Bytes(), []byte("event: caught_up")) {
			ready()
		}
		if _, rest, ok := bytes.Cut(lines.Bytes(), []byte(`"event_message":"row `)); ok {
			number, _, _ := bytes.Cut(rest, []byte("."))
			i, err := strconv.Atoi(string(number))
			if err != nil {
				b.Error(err)
				return
			}
			if i < 0 { // it is not measured
				continue
			}
			rows[i].seen = time.Now()
			seen()
		}
	}
}

func report(b *testing.B, rows []moments) {
	ms := func(of func(m moments) time.Duration) []float64 {
		list := make([]float64, len(rows))
		for i, m := range rows {
			list[i] = float64(of(m).Microseconds()) / 1000
		}
		slices.Sort(list)
		return list
	}
	at := func(list []float64, part float64) float64 { return list[int(part*float64(len(list)-1))] }
	commit := ms(func(m moments) time.Duration { return m.seen.Sub(m.committed) })
	begun := ms(func(m moments) time.Duration { return m.seen.Sub(m.begun) })
	for _, p := range []struct {
		name string
		part float64
	}{{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}} {
		b.ReportMetric(at(commit, p.part), "ms-commit-"+p.name)
		b.ReportMetric(at(begun, p.part), "ms-insert-"+p.name)
	}
	b.ReportMetric(0, "ns/op")
}

func sleep(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
