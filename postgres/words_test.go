package postgres

import (
	"runtime"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestWordsCost reads rows whose severities, and a job whose state, are of 1 MB.
// Hardly any of it comes here.
func TestWordsCost(t *testing.T) {
	const rows, size, most = 100, 1_000_000, 5_000_000
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		s := opened(t, a.dsn)
		f := follow(t, s)
		a.exec(t, `INSERT INTO vibe_events (task_id, event_message, severity) SELECT 'job', 'm', repeat('é', $1) FROM generate_series(1, $2)`, size/2, rows)
		a.exec(t, `UPDATE vibe_tasks SET execution_state = repeat('x', $1), tenant_id = repeat('y', $1)`, size)
		for what, read := range map[string]func() int{
			"a tick": func() int {
				f.mustTick()
				return len(f.got)
			},
			"a page": func() int {
				page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 1 << 40}})
				if err != nil {
					t.Fatal(err)
				}
				return len(page.Events)
			},
			"a job": func() int {
				jobs, err := s.Jobs(t.Context(), anyones("job"))
				if err != nil || len(jobs[joblog.Ask{ID: "job", AnyOwner: true}].State) != joblog.WordBytes {
					t.Fatal(err, len(jobs))
				}
				return rows
			},
		} {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			n := read()
			runtime.ReadMemStats(&after)
			if bytes := after.TotalAlloc - before.TotalAlloc; n != rows || bytes > most {
				t.Errorf("%s of %d rows takes %d bytes", what, n, bytes)
			}
		}
	})
}
