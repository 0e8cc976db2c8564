package postgres

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
)

// asker drives a tail of which all jobs are asked for in each tick.
type asker struct {
	t    *testing.T
	tail *tail
	jobs map[string]struct{}
}

func ask(t *testing.T, s *Store, jobs ...string) *asker {
	t.Helper()
	f := &asker{t: t, tail: follow(t, s).tail.(*tail), jobs: map[string]struct{}{}}
	for _, job := range jobs {
		f.jobs[job] = struct{}{}
	}
	return f
}

// next ticks until there is no more, and returns the ends.
func (f *asker) next() map[string]string {
	f.t.Helper()
	ended := map[string]string{}
	for more := true; more; {
		tick, err := f.tail.Next(f.t.Context(), joblog.Watch{Jobs: f.jobs, Ask: slices.Sorted(maps.Keys(f.jobs))})
		if err != nil {
			f.t.Fatal(err)
		}
		maps.Copy(ended, tick.Ended)
		for job := range tick.Ended {
			delete(f.jobs, job) // nobody follows it any more
		}
		more = tick.More
	}
	return ended
}

// staying is how many jobs the next tick does not ask for by id.
func (f *asker) staying() int {
	_, staying := f.tail.places.split(slices.Collect(maps.Keys(f.jobs)))
	return len(staying)
}

// widened makes a table of a thousand jobs large enough for places to count.
const widened = `ALTER TABLE vibe_tasks ADD COLUMN pad char(1000) NOT NULL DEFAULT 'x'`

// TestPlaces ends some of many jobs, each in another way. Ticks know where the
// rows of the others are.
func TestPlaces(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, widened)
		a.exec(t, `INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, 999) i`)
		jobs := make([]string, 1000)
		for i := range jobs {
			jobs[i] = fmt.Sprint("job-", i)
		}
		f := ask(t, opened(t, a.dsn), jobs...)
		check := func(what string, staying int, want ...string) {
			t.Helper()
			ended := f.next()
			for range 2 {
				maps.Copy(ended, f.next())
			}
			if got := slices.Sorted(maps.Keys(ended)); !slices.Equal(got, want) {
				t.Errorf("%s: %v have ended, want %v", what, got, want)
			}
			if n := f.staying(); n != staying {
				t.Errorf("%s: %d jobs are where they were, want %d", what, n, staying)
			}
		}
		check("at first", 1000)
		a.setJob(t, "job-7", "completed")
		check("one has ended", 999, "job-7")
		a.exec(t, `UPDATE vibe_tasks SET execution_state = 'waiting' WHERE task_id = 'job-8'`)
		check("one has another state", 999)
		a.exec(t, `VACUUM FULL vibe_tasks`)
		check("all were moved", 999)
		a.exec(t, `DELETE FROM vibe_tasks WHERE task_id = 'job-9'`)
		check("one was deleted", 998)
		a.exec(t, `DELETE FROM vibe_tasks WHERE task_id = 'job-10'`)
		a.exec(t, `VACUUM vibe_tasks`)
		for i := range 300 { // at the place of job-10, and everywhere else
			a.exec(t, fmt.Sprintf(`INSERT INTO vibe_tasks VALUES ('other-%d', 'running')`, i))
		}
		a.exec(t, `INSERT INTO vibe_tasks VALUES ('job-9', 'running'), ('job-10', 'failed')`)
		check("they are there again", 998, "job-10")
		a.exec(t, `DELETE FROM vibe_tasks WHERE task_id = 'job-11'`)
		a.exec(t, `VACUUM vibe_tasks`)
		a.exec(t, `INSERT INTO vibe_tasks VALUES ('job-11', 'failed')`)
		check("one has ended at its own place", 997, "job-11")
		a.exec(t, `UPDATE vibe_tasks SET execution_state = 'completed'`)
		left := slices.Sorted(maps.Keys(f.jobs))
		check("all have ended", 0, left...)
	})
}

// TestPlacesOfRestless changes one row before each tick: it does not make the
// others be asked for by id for ever.
func TestPlacesOfRestless(t *testing.T) {
	a := newApp(t, testdb.Shared(t, "18").Database(t), appSchema)
	a.exec(t, widened)
	a.exec(t, `INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, 999) i`)
	a.setJob(t, "quiet", "running")
	a.setJob(t, "restless", "running")
	f := ask(t, opened(t, a.dsn), "quiet", "restless")
	for range 5 {
		a.setJob(t, "restless", "running")
		f.next()
	}
	if n := f.staying(); n != 1 || !f.tail.places["quiet"].stays {
		t.Errorf("%d jobs are where they were, want the quiet one", n)
	}
}

// TestPlacesPlan looks at how Postgres finds the rows of the smallest table whose
// places are asked for: one by one.
func TestPlacesPlan(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, 19999) i`)
		a.exec(t, `DELETE FROM vibe_tasks WHERE ctid >= '(64,0)'`)
		a.exec(t, `VACUUM ANALYZE vibe_tasks`)
		f := ask(t, opened(t, a.dsn), "job-1", "job-2")
		f.next()
		f.next()
		if n := f.staying(); n != 2 {
			t.Fatalf("%d jobs have places", n)
		}
		l := f.tail.store.layout
		plan := f.tail.store.plan(t, l.tail[tailKind{places: true}], 0, tickRows, []string(nil), []string{}, l.terminal, true, f.tail.places.at([]string{"job-1", "job-2"}))
		if !strings.Contains(plan, "Tid Scan on vibe_tasks") {
			t.Errorf("the plan is\n%s", plan)
		}
	})
}

// TestPlacesLost makes a view of the jobs' table while its rows are looked for by
// their places.
func TestPlacesLost(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, widened)
		a.exec(t, `INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, 999) i`)
		f := ask(t, opened(t, a.dsn), "job-1", "job-2")
		f.next()
		f.next()
		a.exec(t, `ALTER TABLE vibe_tasks RENAME TO below; CREATE VIEW vibe_tasks AS SELECT task_id, execution_state FROM below`)
		a.exec(t, `UPDATE vibe_tasks SET execution_state = 'completed' WHERE task_id = 'job-2'`)
		for ended, late := map[string]string{}, time.Now().Add(patience); ended["job-2"] == ""; {
			tick, err := f.tail.Next(t.Context(), joblog.Watch{Jobs: f.jobs, Ask: []string{"job-1", "job-2"}})
			maps.Copy(ended, tick.Ended)
			if time.Now().After(late) {
				t.Fatalf("%v have ended, %v", ended, err)
			}
		}
	})
}

// TestNoPlaces follows jobs whose rows have no places that could be asked for.
func TestNoPlaces(t *testing.T) {
	for name, schema := range map[string]string{
		"view": `ALTER TABLE vibe_tasks RENAME TO below; CREATE VIEW vibe_tasks AS SELECT * FROM below`,
		"partitions": `DROP TABLE vibe_tasks CASCADE; CREATE TABLE vibe_tasks (task_id text PRIMARY KEY, execution_state text) PARTITION BY HASH (task_id);
			CREATE TABLE one PARTITION OF vibe_tasks FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE two PARTITION OF vibe_tasks FOR VALUES WITH (MODULUS 2, REMAINDER 1)`,
		"several rows a job": `ALTER TABLE vibe_tasks DROP CONSTRAINT vibe_tasks_pkey CASCADE; ` + widened + `;
			INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, 999) i`,
		"heirs": `CREATE TABLE heir () INHERITS (vibe_tasks); INSERT INTO heir VALUES ('other', 'running')`,
	} {
		t.Run(name, func(t *testing.T) {
			onVersions(t, func(t *testing.T, a *app) {
				a.exec(t, schema)
				a.exec(t, `INSERT INTO vibe_tasks VALUES ('job', 'running')`)
				f := ask(t, opened(t, a.dsn), "job", "other")
				for range 3 {
					f.next()
				}
				if f.staying() > 0 {
					t.Error("rows are looked for by their places")
				}
				a.exec(t, `UPDATE vibe_tasks SET execution_state = 'completed'`)
				if ended := f.next(); ended["job"] != "completed" {
					t.Errorf("%v have ended", ended)
				}
			})
		})
	}
}

// TestColumnGrants follows tables of which only some columns may be read, beside
// an old writer: neither places nor transactions of rows can be asked for.
func TestColumnGrants(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `CREATE ROLE narrow; GRANT SELECT (task_id, execution_state) ON vibe_tasks TO narrow;
			GRANT SELECT (event_id, task_id, event_message, severity, event_time) ON vibe_events TO narrow; GRANT SELECT ON SEQUENCE vibe_events_event_id_seq TO narrow`)
		t.Cleanup(func() { a.exec(t, `DROP OWNED BY narrow; DROP ROLE narrow`) })
		a.setJob(t, "job", "running")
		insertIn(t, a.begin(t))
		a.insert(t, "job", joblog.Event{Message: "beside it"})
		f := ask(t, opened(t, a.dsn+"&options=-crole%3Dnarrow"), "job")
		for range 3 {
			f.next()
		}
		a.setJob(t, "job", "completed")
		f.next() // the end waits for the writer
		f.tail.ends["job"].since = time.Time{}
		if ended := f.next(); ended["job"] != "completed" {
			t.Errorf("%v have ended", ended)
		}
	})
}
