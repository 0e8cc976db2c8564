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

// BenchmarkReplay is a log of a million rows, read as Server-Sent Events, beside
// COPY of the same columns. Both are read to the end and thrown away. One log's
// rows lie among nine million others, those of the other one come first, in a
// row. In the end a client resumes where that one's log ends, long ago.
func BenchmarkReplay(b *testing.B) {
	rows := scaled(1_000_000)
	dsn, pool := database(b, watchedJobs)
	run(b, pool, `ALTER TABLE vibe_events DISABLE TRIGGER ALL`)
	run(b, pool, `INSERT INTO vibe_tasks VALUES ('clustered', 'completed')`)
	run(b, pool, fmt.Sprintf(`INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		SELECT CASE WHEN i < %[1]d THEN 'clustered' ELSE 'job-' || CASE i %% 10 WHEN 0 THEN 0 ELSE 1 + i %% 999 END END,
			'line ' || i || ' of the log, about as long as such lines are', 'info', i
		FROM generate_series(0, %[1]d::bigint * 11 - 1) i`, rows))
	run(b, pool, `UPDATE vibe_tasks SET execution_state = 'completed'`)
	run(b, pool, `VACUUM ANALYZE`)
	origin := serve(b, fmt.Sprintf("store postgres {\n\t\t\tdsn %q\n\t\t}", dsn))
	for range 3 {
		for _, job := range []string{"job-0", "clustered"} {
			b.Run("copy/"+job, func(b *testing.B) { rate(b, rows, func() int { return copyOut(b, pool, job) }) })
			b.Run("stream/"+job, func(b *testing.B) { rate(b, rows, func() int { return read(b, origin, job) }) })
		}
	}
	b.Run("resume", func(b *testing.B) {
		for b.Loop() {
			resume(b, origin, "clustered", rows)
		}
	})
}

// rate reports how fast something reads so many rows.
func rate(b *testing.B, rows int, read func() int) {
	for b.Loop() {
		if n := read(); n != rows {
			b.Fatalf("%d rows, want %d", n, rows)
		}
	}
	b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
}

// resume asks for what comes after the last row, which is nothing.
func resume(b *testing.B, origin, job string, last int) {
	b.Helper()
	req, err := http.NewRequestWithContext(b.Context(), http.MethodGet, origin+"/jobs/"+job+"/logs", http.NoBody)
	if err != nil {
		b.Fatal(err)
	}
	req.Header.Set("Last-Event-ID", fmt.Sprint(last))
	resp, err := client(b).Do(req)
	if err != nil {
		b.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusNoContent {
		b.Fatal(resp.Status)
	}
}

func copyOut(b *testing.B, pool *pgxpool.Pool, job string) int {
	b.Helper()
	conn, err := pool.Acquire(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	defer conn.Release()
	done, err := conn.Conn().PgConn().CopyTo(context.Background(), io.Discard,
		`COPY (SELECT event_id, task_id, event_message, severity, event_time FROM vibe_events WHERE task_id = '`+job+`' ORDER BY event_id) TO STDOUT`)
	if err != nil {
		b.Fatal(err)
	}
	return int(done.RowsAffected())
}

// read reads a log and counts its rows.
func read(b *testing.B, origin, job string) (n int) {
	b.Helper()
	resp, err := client(b).Get(origin + "/jobs/" + job + "/logs")
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
