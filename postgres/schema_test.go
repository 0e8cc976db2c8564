package postgres

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestTypes reads and writes tables as they are found in the wild.
func TestTypes(t *testing.T) {
	const uuid = "0a1b2c3d-0000-4000-8000-00000000abcd"
	cases := []struct {
		name, id, job, severity, time string // types
		jobID, sev                    string
		unknown                       []string
		ms                            int64 // what 1700000000123 is read as
	}{
		{"the original", "bigserial", "text", "text", "bigint", "a'b", "warn", []string{"", "x\x00", "\xff"}, 1700000000123},
		{"identity, UUIDs, timestamptz", "bigint GENERATED ALWAYS AS IDENTITY", "uuid", "varchar(10)", "timestamptz", uuid, "warn", []string{"x", "{}"}, 1700000000123},
		{"serial, integers, timestamp", "serial", "integer", "level", "timestamp", "42", "warn", []string{"x", "99999999999", "1.0"}, 1700000000123},
		{"small severity, seconds", "bigserial", "bigint", "smallint", "integer", "42", "3", []string{"-", "1e3"}, 1700000000},
	}
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `CREATE TYPE level AS ENUM ('info', 'warn')`)
		for _, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				a.exec(t, `DROP SCHEMA IF EXISTS "My App" CASCADE; CREATE SCHEMA "My App";
					CREATE TABLE "My App"."Jobs" (id `+c.job+` PRIMARY KEY, state level NOT NULL);
					CREATE TABLE "My App"."Log.Rows" (n `+c.id+` PRIMARY KEY, "for" `+c.job+`, "text" text, sev `+c.severity+`, at `+c.time+`)`)
				a.exec(t, `INSERT INTO "My App"."Jobs" VALUES ('`+strings.ReplaceAll(c.jobID, "'", "''")+`', 'info')`)
				s := opened(t, a.dsn, func(d *Driver) {
					d.Events.Table, d.Events.ID, d.Events.Job = `"My App"."Log.Rows"`, "n", "for"
					d.Events.Message, d.Events.Severity, d.Events.Time = "text", "sev", "at"
					d.Jobs.Table, d.Jobs.ID, d.Jobs.State, d.Jobs.Terminal = `My App.Jobs`, "id", "state", []string{"warn"}
				})
				jobs, err := s.Jobs(t.Context(), anyones(append(c.unknown, c.jobID, strings.ToUpper(c.jobID))...))
				if job := jobs[anyones(c.jobID)[0]]; err != nil || job.ID != c.jobID || job.State != "info" || job.Terminal {
					t.Fatalf("the jobs are %v, %v", jobs, err)
				}
				for _, ask := range anyones(c.unknown...) {
					if _, ok := jobs[ask]; ok {
						t.Errorf("%q is a job", ask.ID)
					}
				}
				tail, err := s.Tail(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				ids, err := s.Append(t.Context(), joblog.Batch{Job: c.jobID, Events: []joblog.Event{{Message: "m", Severity: c.sev, Time: 1700000000123}}})
				if err != nil {
					t.Fatal(err)
				}
				want := joblog.Event{ID: ids[0], Job: c.jobID, Message: "m", Severity: c.sev, Time: c.ms}
				tick, err := tail.Next(t.Context(), joblog.Watch{Jobs: map[string]struct{}{c.jobID: {}}})
				if err != nil || len(tick.Events) != 1 || tick.Events[0] != want {
					t.Errorf("the tick is %+v, %v, want %+v", tick.Events, err, want)
				}
				page, err := s.Read(t.Context(), joblog.Query{Job: c.jobID, UpTo: tail.Position()})
				if err != nil || len(page.Events) != 1 || page.Events[0] != want {
					t.Errorf("the page is %+v, %v", page.Events, err)
				}
				want.Message, want.Severity = "", ""
				if recent, err := s.Recent(t.Context(), 5); err != nil || len(recent) != 1 || recent[0] != want {
					t.Errorf("the recent jobs are %+v, %v", recent, err)
				}
				if err := s.SetState(t.Context(), c.jobID, "warn"); err != nil {
					t.Error(err)
				}
				if tick := nextAll(t, tail, joblog.Watch{Jobs: map[string]struct{}{c.jobID: {}}, Ask: []string{c.jobID}}); tick.Ended[c.jobID] != "warn" {
					t.Errorf("the end is %v", tick.Ended)
				}
			})
		}
	})
}

// TestOddTimes has rows with times that no integer can be: they come without,
// and so do the rows beside them, live and replayed.
func TestOddTimes(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		for typ, times := range map[string][]string{
			"timestamptz": {"infinity", "-infinity", "294276-12-31", "4713-01-01 BC"},
			"timestamp":   {"infinity", "-infinity"},
			"float8":      {"NaN", "Infinity", "-Infinity", "1e300", "9.3e18", "-9.3e18"},
			"numeric":     {"NaN", "Infinity", "-Infinity", "1e300", "9223372036854775808"},
		} {
			t.Run(typ, func(t *testing.T) {
				a.exec(t, `DROP TABLE vibe_events; CREATE TABLE vibe_events (event_id bigserial PRIMARY KEY, task_id text, event_message text, severity text, event_time `+typ+`)`)
				s := opened(t, a.dsn)
				f := follow(t, s)
				for _, at := range times {
					a.exec(t, `INSERT INTO vibe_events (task_id, event_message, event_time) VALUES ('job', 'odd', '`+at+`'), ('other', 'odd', '`+at+`')`)
				}
				f.mustTick()
				f.compare(a, 0)
				page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: f.tail.Position()})
				if err != nil || len(page.Events) != len(times) || page.Events[0].Time != 0 {
					t.Errorf("the page is %v, %v", page.Events, err)
				}
			})
		}
	})
}

// TestWrongTables names what is missing, and the remedy.
func TestWrongTables(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `CREATE TABLE odd (event_id text, task_id json, event_message text, severity text, event_time text);
			CREATE EXTENSION citext; CREATE TABLE folded (task_id citext, execution_state text);
			CREATE TABLE numbered (task_id int, execution_state text);
			CREATE TABLE identified (event_id bigserial, task_id uuid, event_message text, severity text, event_time bigint);
			CREATE TABLE hidden (task_id text, execution_state text); CREATE ROLE reader_`+a.name()+`;
			GRANT SELECT ON vibe_events, odd TO reader_`+a.name()+`; GRANT SELECT (task_id) ON hidden TO reader_`+a.name()+`
			`)
		t.Cleanup(func() { a.exec(t, `DROP OWNED BY reader_`+a.name()+`; DROP ROLE reader_`+a.name()) })
		for _, c := range []struct {
			change func(*Driver)
			says   string
		}{
			{func(d *Driver) { d.Events.Table = "nowhere" }, "there is no table nowhere in the database"},
			{func(d *Driver) { d.Jobs.Table = "app.nowhere" }, "there is no table app.nowhere"},
			{func(d *Driver) { d.Events.Message = "msg" }, "the table vibe_events has no column msg; name the right one in the store's block: events message <column>"},
			{func(d *Driver) { d.Jobs.Owner = "who" }, "the table vibe_tasks has no column who"},
			{func(d *Driver) { d.Jobs.Table = "folded" }, "the column task_id of folded is of type citext; jobs id must be one of uuid"},
			{
				func(d *Driver) { d.Jobs.Table, d.Events.Table = "numbered", "identified" },
				"the column task_id of identified is of type uuid, and task_id of numbered of type int4: no event can belong to a job",
			},
			{
				func(d *Driver) { d.DSN, d.Jobs.Table = with(d.DSN, "options=-crole%3Dreader_"+a.name()), "hidden" },
				"the column execution_state of hidden may not be read; run: GRANT SELECT ON hidden TO the user of the dsn",
			},
			{func(d *Driver) { d.Events.Table = "odd" }, "the column event_id of odd is of type text; events id must be one of int2"},
		} {
			if _, err := opened(t, a.dsn, c.change).Jobs(t.Context(), anyones("x")); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		}
		// The next call tries anew: what was missing may be there by then.
		s := opened(t, a.dsn, func(d *Driver) { d.Jobs.Table = "later" })
		if _, err := s.Jobs(t.Context(), anyones("x")); err == nil {
			t.Error("a table that is not there gives no error")
		}
		a.exec(t, `CREATE TABLE later (task_id text, execution_state text)`)
		if _, err := s.Jobs(t.Context(), anyones("x")); err != nil {
			t.Error(err)
		}
	})
}

// TestMixedIDs warns where jobs' ids are written in more than one way.
func TestMixedIDs(t *testing.T) {
	const uuid = "0a1b2c3d-0000-4000-8000-00000000abcd"
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `ALTER TABLE vibe_events DROP CONSTRAINT vibe_events_task_id_fkey; ALTER TABLE vibe_tasks ALTER task_id TYPE uuid USING task_id::uuid`)
		a.exec(t, `INSERT INTO vibe_tasks VALUES ('`+uuid+`', 'running')`)
		a.exec(t, `INSERT INTO vibe_events (task_id, event_message) VALUES ('`+uuid+`', 'm')`)
		s := opened(t, a.dsn)
		if page, err := s.Read(t.Context(), joblog.Query{Job: uuid, UpTo: joblog.Cursor{N: 1}}); err != nil || len(page.Events) != 1 {
			t.Errorf("the page is %v, %v", page.Events, err)
		}
		if warnings := strings.Join(s.layout.warnings, "\n"); !strings.Contains(warnings, "the column task_id of vibe_events is of type text, and task_id of vibe_tasks of type uuid") {
			t.Errorf("the warnings are %q", warnings)
		}
	})
}

// name is the database's, as part of another name.
func (a *app) name() string {
	return a.pool.Config().ConnConfig.Database
}

// TestKeysTable asks for idempotency where the table for keys is missing.
func TestKeysTable(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.exec(t, `DROP TABLE caddyjobs_requests`)
		a.setJob(t, "job", "running")
		_, err := opened(t, a.dsn).Append(t.Context(), joblog.Batch{Job: "job", Key: "k", Events: []joblog.Event{{Message: "m"}}})
		if err == nil || !strings.Contains(err.Error(), requestsTable) {
			t.Errorf("got %v, want the statement that makes the table", err)
		}
	})
}

// TestModule reads the Caddyfile's words, and refuses what cannot work.
func TestModule(t *testing.T) {
	const dsn = "postgres://user:secret@localhost/db"
	for _, c := range []struct{ text, json, says string }{
		{"postgres {\n dsn " + dsn + "\n}", `{"dsn":"` + dsn + `"}`, ""},
		{
			"postgres {\n dsn " + dsn + "\n notify rows\n listen_dsn " + dsn + "\n settle 5s\n max_message 1KiB\n events app.log\n jobs {\n owner who\n}\n}",
			`{"dsn":"` + dsn + `","events":{"table":"app.log"},"jobs":{"owner":"who"},"max_message":1024,"notify":"rows","listen_dsn":"` + dsn + `","settle":5000000000}`, "",
		},
		{"postgres", "", "dsn is empty; write where the database is"},
		{"postgres {\n dsn {env.CADDYJOBS_NOT_SET}\n}", "", "dsn is empty; write where the database is"},
		{"postgres {\n dsn postgres://user:secret@host:port/db\n}", "", "dsn: "},
		{"postgres {\n dsn " + dsn + "\n dsn " + dsn + "\n}", "", "dsn is given twice"},
		{"postgres {\n dns x\n}", "", `unknown option "dns"`},
		{"postgres {\n dsn\n}", "", "dsn: wrong number of values"},
		{"postgres {\n dsn user=me password=secret\n}", "", "dsn: wrong number of values; one with blanks needs quotes"},
		{"postgres " + dsn, "", "all else in its block; write the dsn there: dsn <dsn>"},
		{"postgres {\n dsn " + dsn + "\n settle soon\n}", "", `settle: "soon" is not a duration`},
		{"postgres {\n dsn " + dsn + "\n max_message 1TiB\n}", "", "is not a size from 1B to 64MiB"},
		{"postgres {\n dsn " + dsn + "\n events a.b.c\n}", "", `"a.b.c" is not the name of a table`},
	} {
		d := new(Driver)
		err := d.UnmarshalCaddyfile(caddyfile.NewTestDispenser(c.text))
		if err == nil && c.json != "" {
			if got, _ := json.Marshal(d); string(got) != c.json {
				t.Errorf("%q is\n%s\nwant\n%s", c.text, got, c.json)
			}
		}
		if err == nil {
			if err = d.Provision(caddy.Context{}); err == nil {
				err = d.Validate()
			}
		}
		if c.says == "" && err != nil || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%q: %v, want %q", c.text, err, c.says)
		}
		if err != nil && strings.Contains(err.Error(), "secret") || strings.Contains(d.Key(), "secret") {
			t.Errorf("%q tells the password: %v", c.text, err)
		}
	}
}
