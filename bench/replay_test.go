package bench

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
)

// BenchmarkReplay is a log of a million rows, among nine million others, read
// as Server-Sent Events, beside COPY of the same columns. Both are read to the
// end and thrown away.
func BenchmarkReplay(b *testing.B) {
	const rows = 1_000_000
	dsn, pool := database(b, watchedJobs)
	run(b, pool, `ALTER TABLE vibe_events DISABLE TRIGGER ALL`)
	run(b, pool, `INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		SELECT 'job-' || CASE i % 10 WHEN 0 THEN 0 ELSE 1 + i % 999 END, 'line ' || i || ' of the log, about as long as such lines are', 'info', i
		FROM generate_series(1, 10000000) i`)
	run(b, pool, `UPDATE vibe_tasks SET execution_state = 'completed'`)
	run(b, pool, `VACUUM ANALYZE`)
	origin := serve(b, fmt.Sprintf("store postgres {\n\t\t\tdsn %q\n\t\t}", dsn))
	for range 3 {
		b.Run("copy", func(b *testing.B) {
			for b.Loop() {
				if n := copyOut(b, pool); n != rows {
					b.Fatalf("%d rows", n)
				}
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
		b.Run("stream", func(b *testing.B) {
			for b.Loop() {
				if n := read(b, origin); n != rows {
					b.Fatalf("%d rows", n)
				}
			}
			b.ReportMetric(rows*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}

func copyOut(b *testing.B, pool *pgxpool.Pool) int {
	b.Helper()
	conn, err := pool.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	done, err := conn.Conn().PgConn().CopyTo(context.Background(), io.Discard,
		`COPY (SELECT event_id, task_id, event_message, severity, event_time FROM vibe_events WHERE task_id = 'job-0' ORDER BY event_id) TO STDOUT`)
	if err != nil {
		b.Fatal(err)
	}
	return int(done.RowsAffected())
}

// read reads a log and counts its rows.
func read(b *testing.B, origin string) (n int) {
	b.Helper()
	resp, err := client(b).Get(origin + "/jobs/job-0/logs")
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		b.Fatal(resp.Status)
	}
	body := bufio.NewReaderSize(resp.Body, 1<<20)
	for {
		line, err := body.ReadSlice('\n')
		if bytes.HasPrefix(line, []byte(`data: {"log"`)) {
			n++
		}
		if err != nil {
			return n
		}
	}
}
