package postgres

import (
	"errors"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestIDs has tables whose ids may lose rows: they are refused in a sentence, and
// served when what it says is done, without another store.
func TestIDs(t *testing.T) {
	const perJob = `ALTER TABLE vibe_events DROP CONSTRAINT vibe_events_pkey; ALTER TABLE vibe_events ADD PRIMARY KEY (task_id, event_id);`
	const noDefault = `ALTER TABLE vibe_events ALTER event_id DROP DEFAULT; DROP SEQUENCE vibe_events_event_id_seq;`
	const parted = `DROP TABLE vibe_events; CREATE TABLE vibe_events (event_id bigint NOT NULL, task_id text NOT NULL, event_message text NOT NULL,
		severity text, event_time bigint NOT NULL DEFAULT 1) PARTITION BY RANGE (event_time); CREATE TABLE one PARTITION OF vibe_events DEFAULT;`
	const newView = `ALTER TABLE vibe_events RENAME TO below; CREATE VIEW vibe_events AS SELECT * FROM below;`
	onVersions(t, func(t *testing.T, a *app) {
		for _, c := range []struct{ name, change, says, mend string }{
			{"plain", `SELECT 1`, "", ""},
			{"an unused sequence", `SELECT setval('vibe_events_event_id_seq', 50)`, "", ""},
			{"a sequence that starts later", `ALTER SEQUENCE vibe_events_event_id_seq RESTART WITH 1000`, "", ""},
			{"ids of the application", noDefault, "", ""},
			{"by job and id, of one sequence", perJob, "", ""},
			{"per job", noDefault + perJob, "may share ids", `CREATE UNIQUE INDEX CONCURRENTLY ON vibe_events (event_id)`},
			{"per job, in a view", noDefault + perJob + newView, "may share ids", `CREATE UNIQUE INDEX CONCURRENTLY ON below (event_id)`},
			{
				"per job, in use", noDefault + perJob + `INSERT INTO vibe_events VALUES (1, 'other', 'm')`, "rows of vibe_events share ids",
				`UPDATE vibe_events SET event_id = 2 WHERE task_id = 'other'; CREATE UNIQUE INDEX ON vibe_events (event_id)`,
			},
			{"no index", `ALTER TABLE vibe_events DROP CONSTRAINT vibe_events_pkey;` + noDefault, "may share ids", `CREATE UNIQUE INDEX ON vibe_events (event_id)`},
			{"no index, one sequence", `ALTER TABLE vibe_events DROP CONSTRAINT vibe_events_pkey`, "", ""},
			{"partitions by time", parted + `ALTER TABLE vibe_events ADD PRIMARY KEY (event_id, event_time)`, "", ""},
			{
				"partitions by time, per job", parted + `ALTER TABLE vibe_events ADD PRIMARY KEY (task_id, event_id, event_time)`, "may share ids",
				`CREATE SEQUENCE s OWNED BY vibe_events.event_id; ALTER TABLE vibe_events ALTER event_id SET DEFAULT nextval('s')`,
			},
			{"a view", newView, "", ""},
			{"a view that joins", newView + `CREATE TABLE tags (id bigint, tag text); INSERT INTO tags VALUES (1, 'a'), (1, 'b');
				CREATE OR REPLACE VIEW vibe_events AS SELECT below.* FROM below LEFT JOIN tags ON id = event_id`, "share ids", `DELETE FROM tags WHERE tag = 'b'`},
			{
				"a restore without setval", `SELECT setval('vibe_events_event_id_seq', 1, false)`, "the sequence vibe_events_event_id_seq is behind",
				`SELECT setval('vibe_events_event_id_seq', (SELECT max(event_id) FROM vibe_events))`,
			},
			{"behind, in a view", newView + `INSERT INTO below VALUES (100, 'job', 'm')`, "is behind", `SELECT setval('vibe_events_event_id_seq', (SELECT max("event_id") FROM vibe_events))`},
			{"ids of the application beside a sequence", `INSERT INTO vibe_events VALUES (100, 'job', 'm')`, "is behind", `ALTER TABLE vibe_events ALTER event_id DROP DEFAULT`},
			{"a cycle", `ALTER SEQUENCE vibe_events_event_id_seq CYCLE`, "begins anew", `ALTER SEQUENCE vibe_events_event_id_seq NO CYCLE`},
			{"counting down", `ALTER SEQUENCE vibe_events_event_id_seq INCREMENT -1`, "counts down", `ALTER SEQUENCE vibe_events_event_id_seq INCREMENT 1`},
		} {
			t.Run(c.name, func(t *testing.T) {
				a.exec(t, `DROP SCHEMA public CASCADE; CREATE SCHEMA public`)
				a.exec(t, appSchema)
				a.setJob(t, "job", "running")
				a.setJob(t, "other", "running")
				a.exec(t, `INSERT INTO vibe_events (task_id, event_message) VALUES ('job', 'm')`)
				a.exec(t, c.change)
				s := opened(t, a.dsn)
				_, err := s.Tail(t.Context())
				if c.says == "" && err != nil || c.says != "" && (!errors.Is(err, joblog.ErrMisconfigured) || !strings.Contains(err.Error(), c.says)) {
					t.Errorf("%v, want %q", err, c.says)
				}
				if strings.HasPrefix(c.mend, "ALTER SEQUENCE") && !strings.Contains(err.Error(), "run: "+c.mend) {
					t.Errorf("%v, want what mends it", err)
				}
				for sentence := range strings.SplitSeq(c.mend, "; ") {
					if sentence != "" {
						a.exec(t, sentence)
					}
				}
				if _, err := s.Tail(t.Context()); c.mend != "" && err != nil {
					t.Errorf("after the mend: %v", err)
				}
			})
		}
	})
}

// TestSequenceSetBack sets the sequence back beneath a viewer, without and with
// rows by its new ids: they are told that the log went back once it is mended, and
// that it is not as configured before.
func TestSequenceSetBack(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		for _, low := range []int{0, 1, 3} {
			a.exec(t, `TRUNCATE vibe_events RESTART IDENTITY`)
			a.insert(t, "job", numbered("row", 10)...)
			a.exec(t, `DELETE FROM vibe_events WHERE event_id BETWEEN 4 AND 8`)
			s := opened(t, a.dsn)
			f := follow(t, s)
			a.exec(t, `SELECT setval('vibe_events_event_id_seq', 3)`)
			for range low {
				a.exec(t, insertRow)
			}
			if err := f.tick(); !errors.Is(err, joblog.ErrRewound) {
				t.Errorf("a tick with %d low rows: %v, want ErrRewound", low, err)
			}
			if _, err := s.Tail(t.Context()); !errors.Is(err, joblog.ErrMisconfigured) {
				t.Errorf("a tail with %d low rows: %v, want ErrMisconfigured", low, err)
			}
			a.exec(t, `SELECT setval('vibe_events_event_id_seq', (SELECT max(event_id) FROM vibe_events))`)
			f = follow(t, s)
			a.insert(t, "job", numbered("more", 2)...)
			f.mustTick()
			if len(f.got) != 2 {
				t.Errorf("after the mend %d rows came, want 2", len(f.got))
			}
		}
	})
}

// TestExplicitID has a row with an id far above the sequence's: what the sequence
// gives out next would be passed over.
func TestExplicitID(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		s := opened(t, a.dsn)
		f := follow(t, s)
		a.exec(t, `INSERT INTO vibe_events VALUES (1000, 'job', 'm')`)
		_ = f.tick() // it has the row
		if err := f.tick(); !errors.Is(err, joblog.ErrRewound) {
			t.Errorf("after a row above the sequence: %v", err)
		}
		a.exec(t, `DELETE FROM vibe_events WHERE event_id = 1000`)
		f = follow(t, s)
		a.insert(t, "job", numbered("more", 2)...)
		f.mustTick()
		if len(f.got) != 2 {
			t.Errorf("%d rows came, want 2", len(f.got))
		}
	})
}

// TestJobsOfManyRows has several rows a job: one that goes on counts.
func TestJobsOfManyRows(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `ALTER TABLE vibe_events DROP CONSTRAINT vibe_events_task_id_fkey; ALTER TABLE vibe_tasks DROP CONSTRAINT vibe_tasks_pkey`)
		a.exec(t, `INSERT INTO vibe_tasks VALUES ('job', 'completed', 'a'), ('job', 'running', 'b'), ('job', 'failed', 'c'), ('done', 'failed', 'a'), ('done', 'completed', 'a')`)
		s := opened(t, a.dsn, withOwner)
		jobs, err := s.Jobs(t.Context(), append(anyones("job", "done"), as("a", "job"), as("b", "job")))
		if err != nil {
			t.Fatal(err)
		}
		want := map[joblog.Ask]string{anyones("job")[0]: "running", as("a", "job"): "completed", as("b", "job"): "running", anyones("done")[0]: "completed"}
		for ask, state := range want {
			if j := jobs[ask]; j.State != state || j.Terminal != (state != "running") {
				t.Errorf("%+v is %+v, want %s", ask, j, state)
			}
		}
		if len(jobs) != len(want) {
			t.Errorf("the jobs are %v", jobs)
		}
		tail, err := s.Tail(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		w := joblog.Watch{Jobs: map[string]struct{}{"job": {}, "done": {}}, Ask: []string{"job", "done"}}
		ended := nextAll(t, tail, w).Ended
		if more := nextAll(t, tail, w).Ended; ended["done"] == "" {
			ended = more
		}
		if len(ended) != 1 || ended["done"] != "completed" {
			t.Errorf("ended are %v, want the one whose rows all say so", ended)
		}
		if err := s.SetState(t.Context(), "job", "completed"); err != nil {
			t.Error(err)
		}
		if jobs, err = s.Jobs(t.Context(), anyones("job")); err != nil || !jobs[anyones("job")[0]].Terminal {
			t.Errorf("the job is %v, %v", jobs, err)
		}
	})
}
