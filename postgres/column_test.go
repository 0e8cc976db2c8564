package postgres

import (
	"errors"
	"strconv"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestColumnGone renames a column while the log is followed and read, and back
// again: no row counts as read meanwhile, and all come in the end.
func TestColumnGone(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		a.insert(t, "job", numbered("before", 1)...)
		for _, column := range []string{"vibe_events RENAME severity", "vibe_events RENAME event_message", "vibe_events RENAME task_id", "vibe_tasks RENAME execution_state"} {
			s := opened(t, a.dsn)
			f := follow(t, s)
			name := column[strings.LastIndexByte(column, ' ')+1:]
			a.exec(t, `ALTER TABLE `+column+` TO another`)
			for range 3 {
				if err := f.tick(); err == nil {
					t.Errorf("without %s: it ticks", name)
				}
				if page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: joblog.Cursor{N: 100}}); err == nil && strings.HasPrefix(column, "vibe_events") {
					t.Errorf("without %s: it reads %+v", name, page)
				}
				if _, err := s.Jobs(t.Context(), anyones("job")); err == nil && strings.HasPrefix(column, "vibe_tasks") {
					t.Errorf("without %s: it finds jobs", name)
				}
			}
			if _, err := s.Newest(t.Context()); !errors.Is(err, joblog.ErrMisconfigured) {
				t.Errorf("without %s: %v", name, err)
			}
			table, _, _ := strings.Cut(column, " ")
			a.exec(t, `ALTER TABLE `+table+` RENAME another TO `+name)
			a.insert(t, "job", numbered("after", 1)...)
			tick := nextAll(t, f.tail, joblog.Watch{Jobs: map[string]struct{}{"job": {}}})
			if len(tick.Events) != 1 || tick.Events[0].Unreadable {
				t.Errorf("with %s again: %+v", name, tick.Events)
			}
		}
	})
}

// TestFaultyStates has more jobs whose state cannot be read than a question tries
// one by one: all are found.
func TestFaultyStates(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		const jobs = 4 * siftStatements
		a.exec(t, raises+`ALTER TABLE vibe_tasks RENAME TO raw_tasks; CREATE VIEW vibe_tasks AS
			SELECT task_id, raises(execution_state) AS execution_state, tenant_id FROM raw_tasks;
			INSERT INTO raw_tasks SELECT i::text, 'bad', 't1' FROM generate_series(1, 256) i`)
		s := opened(t, a.dsn)
		var asks []joblog.Ask
		for i := range jobs {
			asks = append(asks, anyones(strconv.Itoa(i+1))...)
		}
		found, err := s.Jobs(t.Context(), asks)
		if err != nil || len(found) != jobs {
			t.Errorf("%d of %d jobs are found, %v", len(found), jobs, err)
		}
	})
}
