package sqlite

import (
	"context"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// scans are those that are short, besides the ones of what is asked for.
var scans = map[string]bool{
	"top: SCAN sqlite_sequence":  true, // a row for each table
	"top: SCAN CONSTANT ROW":     true,
	"lastTime: SCAN vibe_events": true, // by id, and ends at the first row
	"recent: SCAN newest":        true, // at most joblog.RecentRows
	"recent: SCAN r":             true,
}

// TestPlans has SQLite explain how it runs each statement, with statistics and
// without.
func TestPlans(t *testing.T) {
	dir := t.TempDir()
	own, other := filepath.Join(dir, "own.db"), filepath.Join(dir, "app.db")
	s := opened(t, own)
	appendN(t, s, "job", 1)
	for name, a := range map[string]*app{"own": newApp(t, own, ""), "application": newApp(t, other, appSchema)} {
		for i := range 50 {
			a.setJob(t, fmt.Sprint(i), "running")
			a.insert(t, fmt.Sprint(i), make([]joblog.Event, 100)...)
		}
		if name == "own" { // by whose statistics all are of one job
			a.insert(t, "much", make([]joblog.Event, 20_000)...)
		}
		for _, statistics := range []string{"", "ANALYZE"} {
			a.exec(t, statistics)
			s := opened(t, a.path, withOwner)
			err := s.use(t.Context(), func(ctx context.Context, f *file) error {
				return explain(ctx, f, func(statement, step string) {
					if slow(statement, step) || f.index != "" && strings.HasSuffix(statement, ".ranged") && strings.Contains(step, "vibe_events") && !strings.Contains(step, "(task_id=? AND") {
						t.Errorf("%s %s: %s: %s", name, statistics, statement, step)
					}
				})
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// slow reports whether a step goes through a whole table, or, to find what is
// new, through all that a job has.
func slow(statement, step string) bool {
	switch {
	case strings.Contains(step, "VIRTUAL TABLE"), step == "SCAN (subquery-1)", scans[statement+": "+step]:
		return false
	case slices.Contains([]string{"tail", "touched", "ahead", "top", "recent"}, statement) && strings.Contains(step, " vibe_events"):
		return !strings.HasPrefix(step, "SEARCH vibe_events") || strings.Contains(step, " INDEX ")
	default:
		return strings.HasPrefix(step, "SCAN")
	}
}

// explain calls each with every step of every statement that there is.
func explain(ctx context.Context, f *file, do func(statement, step string)) error {
	for name, text := range f.all() {
		query := *text
		if query == "" || !f.owned && strings.Contains(query, `"created_at"`) {
			continue // of our own tables only
		}
		parameters := map[string]bool{}
		for i, p := range regexp.MustCompile(`\?\d?`).FindAllString(query, -1) {
			if p == "?" {
				p = fmt.Sprint(i)
			}
			parameters[p] = true
		}
		err := each(ctx, f.write, "EXPLAIN QUERY PLAN "+query, make([]any, len(parameters)), func(scan scanner) error {
			var id, parent, unused int
			var step string
			if err := scan(&id, &parent, &unused, &step); err != nil {
				return err
			}
			do(name, step)
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}
