package postgres

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
)

// lateral is the other way to read the rows of all watched jobs at once: job by
// job, from where each was.
//
//	$1 jobs  $2 the highest ids seen of them
const lateral = `SELECT e.* FROM unnest($1::text[], $2::bigint[]) w(job, above) CROSS JOIN LATERAL (
	SELECT event_id, task_id, event_message, severity, event_time FROM vibe_events
	WHERE task_id = w.job AND event_id > w.above ORDER BY event_id LIMIT 5000) e`

// BenchmarkPlans compares the two ways to read, with so many jobs watched and so
// many rows that are new: 1,000 in a tick of 50 ms are 20,000 a second. The tail
// does more for its time: states, holes and lock holders are its, too.
func BenchmarkPlans(b *testing.B) {
	a := large(b)
	for _, watched := range []int{1, 100, 10_000} {
		for _, rows := range []int{0, 10, 100, 1000} {
			name := fmt.Sprintf("watched=%d/rows=%d", watched, rows)
			b.Run("tail/"+name, func(b *testing.B) { a.benchTick(b, watched, rows) })
			b.Run("lateral/"+name, func(b *testing.B) { a.benchLateral(b, watched, rows) })
		}
	}
	s := opened(b, a.dsn)
	b.Logf("job by job\n%s", s.plan(b, lateral, []string{"job-1", "job-2"}, []int64{0, int64(*largeRows)}))
}

func (a *app) benchLateral(b *testing.B, watched, rows int) {
	jobs, above, index := make([]string, watched), make([]int64, watched), map[string]int{}
	var highest int64
	if err := a.pool.QueryRow(b.Context(), `SELECT max(event_id) FROM vibe_events`).Scan(&highest); err != nil {
		b.Fatal(err)
	}
	for i := range jobs {
		jobs[i], above[i] = fmt.Sprint("job-", i), highest
		index[jobs[i]] = i
	}
	a.measure(b, rows, `SELECT e.* FROM unnest%`, func() (n int) {
		found, err := a.pool.Query(b.Context(), lateral, jobs, above)
		if err != nil {
			b.Fatal(err)
		}
		var id int64
		var job, message string
		var severity *string
		var time *int64
		if _, err := pgx.ForEachRow(found, []any{&id, &job, &message, &severity, &time}, func() error {
			above[index[job]] = id
			n++
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		return n
	})
}
