package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// TestLargestRow streams a log with a row as large as the database takes, a
// gigabyte: its beginning comes, and says so, the rows around it come whole, and
// the server needs memory for what it sends alone. Beside the viewer who replays
// it there is one to whom it comes live.
func TestLargestRow(t *testing.T) {
	onBothStores(t, config{binary: plainCaddy}, func(t *testing.T, a *app, s *server) {
		const job, limit, growth = "large", 1 << 20, 48 << 20
		large := map[string]string{ // SQL of its text, made where it stays
			"sqlite": `(WITH RECURSIVE m AS MATERIALIZED (SELECT printf('%.*c', 1000000, 'x') AS x),
				n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n LIMIT 999) SELECT group_concat(x, '') FROM n, m)`,
			"postgres": `repeat(repeat('x', 1000000), 1073)`,
		}[strings.Fields(a.store)[1]]
		a.addJob(t, job)
		a.log(t, job, 3, "before %d")
		live := watch(t, s, "/jobs/"+job+"/logs")
		live.awaitLines(t, 3)
		before := s.memory(t, "VmRSS")
		s.resetPeak(t)

		a.exec(t, `INSERT INTO vibe_events (task_id, event_message, severity, event_time) VALUES ($1, `+large+`, 'info', $2)`, job, eventTime)
		a.log(t, job, 3, "after %d")
		live.awaitLines(t, 7)
		replayed := watch(t, s, "/jobs/"+job+"/logs")
		tailing := watch(t, s, "/jobs/"+job+"/logs?tail=4")
		for _, tr := range []*transcript{replayed, tailing} {
			tr.awaitLines(t, 4)
		}
		a.setState(t, job, "completed")

		for tr, first := range map[*transcript]int{live: 0, replayed: 0, tailing: 3} {
			got := tr.await(t, "end", func(s seen) bool { return s.closed })
			if len(got.lines) != 7-first {
				t.Fatalf("%d lines, want %d", len(got.lines), 7-first)
			}
			for i, l := range got.lines {
				want := fmt.Sprintf("before %d", i+first)
				if i += first; i > 3 {
					want = fmt.Sprintf("after %d", i-4)
				}
				if i == 3 {
					want = strings.Repeat("x", limit)
				}
				if l.Message != want || l.Truncated != (i == 3) {
					t.Errorf("line %d has %d bytes, truncated: %t: %.30q", i, len(l.Message), l.Truncated, l.Message)
				}
			}
		}
		peak := s.memory(t, "VmHWM")
		t.Logf("resident memory: %d KiB before, %d KiB at most", before>>10, peak>>10)
		if peak-before > growth {
			t.Errorf("the server grew by %d KiB, want at most %d", (peak-before)>>10, growth>>10)
		}
	})
}
