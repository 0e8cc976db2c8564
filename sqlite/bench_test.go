package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// fresh is a store on a new database of its own.
func fresh(b *testing.B) *Store {
	d := Driver{Path: filepath.Join(b.TempDir(), "jobs.db"), MaxMessage: defaultMaxMessage}
	d.SetDefaults()
	s := d.Open(slog.New(slog.DiscardHandler)).(*Store)
	b.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.Error(err)
		}
	})
	return s
}

// batch has n rows of the length of a usual log line.
func batch(job string, n int) joblog.Batch {
	all := joblog.Batch{Job: job}
	for i := range n {
		all.Events = append(all.Events, joblog.Event{
			Message: fmt.Sprintf("step %d of the task: 12 of 340 objects copied, 0 errors, 4.2 MB/s", i), Severity: "info",
		})
	}
	return all
}

// appended puts n rows into a job.
func appended(b *testing.B, s *Store, job string, n int) {
	b.Helper()
	for ; n > 0; n -= 5000 {
		if _, err := s.Append(b.Context(), batch(job, min(n, 5000))); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAppend answers for each batch when it is on the disk.
func BenchmarkAppend(b *testing.B) {
	for _, rows := range []int{1, 10, 100, 1000} {
		b.Run(fmt.Sprintf("rows=%d", rows), func(b *testing.B) {
			s, one := fresh(b), batch("job", rows)
			appended(b, s, "job", 1)
			for b.Loop() {
				if _, err := s.Append(b.Context(), one); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

// BenchmarkTick reads what is new: nothing, with and without asking for all
// states, and one row.
func BenchmarkTick(b *testing.B) {
	for _, jobs := range []int{1, 10_000} {
		watch := joblog.Watch{Jobs: map[string]struct{}{}}
		for i := range jobs {
			watch.Jobs[fmt.Sprintf("4b3c9f1e-job-%d", i)] = struct{}{}
		}
		ask := watch
		for job := range watch.Jobs {
			ask.Ask = append(ask.Ask, job)
		}
		for _, c := range []struct {
			name  string
			watch joblog.Watch
			rows  int
		}{{"idle", watch, 0}, {"states", ask, 0}, {"row", watch, 1}} {
			b.Run(fmt.Sprintf("%s/jobs=%d", c.name, jobs), func(b *testing.B) { tick(b, ask.Ask, c.watch, c.rows) })
		}
	}
}

func tick(b *testing.B, jobs []string, watch joblog.Watch, rows int) {
	s := fresh(b)
	for _, job := range jobs {
		if err := s.SetState(b.Context(), job, "running"); err != nil {
			b.Fatal(err)
		}
	}
	appended(b, s, jobs[0], 1000)
	tail, err := s.Tail(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if rows > 0 {
			b.StopTimer()
			appended(b, s, jobs[0], rows)
			b.StartTimer()
		}
		if got, err := tail.Next(b.Context(), watch); err != nil || len(got.Events) != rows {
			b.Fatalf("got %d rows: %v", len(got.Events), err)
		}
	}
}

// BenchmarkRead pages through a job of 100,000 rows.
func BenchmarkRead(b *testing.B) {
	const rows = 100_000
	s := fresh(b)
	appended(b, s, "other", rows)
	appended(b, s, "job", rows)
	for b.Loop() {
		n, q := 0, joblog.Query{Job: "job", UpTo: everything}
		for more := true; more; {
			page, err := s.Read(b.Context(), q)
			if err != nil {
				b.Fatal(err)
			}
			n += len(page.Events)
			q.After.N, more = page.Events[len(page.Events)-1].ID, page.More
		}
		if n != rows {
			b.Fatalf("got %d rows", n)
		}
	}
	b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}

// BenchmarkRemove removes a job of 100,000 rows; writers wait meanwhile.
func BenchmarkRemove(b *testing.B) {
	s := fresh(b)
	for b.Loop() {
		b.StopTimer()
		appended(b, s, "job", 100_000)
		b.StartTimer()
		if err := s.Remove(b.Context(), "job"); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkListen is the time from the begin of a commit to the hint.
func BenchmarkListen(b *testing.B) {
	s := fresh(b)
	appended(b, s, "job", 1)
	ctx, cancel := context.WithCancel(b.Context())
	hints, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		ended <- s.Listen(ctx, func() ([]string, <-chan struct{}) { return nil, nil }, func(string) {
			select {
			case hints <- struct{}{}:
			default:
			}
		})
	}()
	for b.Loop() {
		appended(b, s, "job", 1)
		<-hints
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		b.Error(err)
	}
}
