package postgres

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

// statementsOf parts a script as psql does.
func statementsOf(script string) (list []string) {
	var one strings.Builder
	quoted := false
	for line := range strings.Lines(script) {
		if strings.HasPrefix(line, "--") {
			continue
		}
		one.WriteString(line)
		if strings.Count(line, "$caddyjobs$")%2 == 1 {
			quoted = !quoted
		}
		if !quoted && strings.HasSuffix(line, ";\n") {
			list = append(list, one.String())
			one.Reset()
		}
	}
	return list
}

// created is a driver with the schema that it prints, run twice.
func created(t *testing.T, a *app, change func(*Driver)) *Driver {
	t.Helper()
	d := &Driver{DSN: a.dsn, MaxMessage: defaultMaxMessage, Notify: notifyAuto}
	d.SetDefaults()
	change(d)
	script, err := d.Schema()
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		for _, statement := range statementsOf(script) {
			a.exec(t, statement)
		}
	}
	return d
}

var schemas = map[string]func(*Driver){
	"defaults": func(*Driver) {},
	"awkward names": func(d *Driver) {
		d.Notify = "a channel's"
		d.Events = tables.EventsTable{Table: `"My ""App"""."log.rows"`, ID: "Id", Job: "select", Message: "the message", Severity: "niveau", Time: "à"}
		d.Jobs = tables.JobsTable{Table: `"My ""App""".Jobs`, ID: "Job Id", State: "state", Owner: "user", Terminal: []string{"done"}}
	},
	"bad names": func(d *Driver) {
		d.Tables, d.Notify = badNames["SQL"], `'"; --`
		d.Events.Table, d.Jobs.Table = tables.Quote(d.Events.Table), tables.Quote(d.Jobs.Table)
		d.Jobs.Terminal = []string{"done"}
	},
	"places of names": func(d *Driver) {
		d.Tables, d.Notify = badNames["places of names"], "{watch}"
		d.Jobs.Terminal = []string{"done"}
	},
}

// TestSchemaRefuses has names that would end what they stand in.
func TestSchemaRefuses(t *testing.T) {
	for name, change := range map[string]func(*Driver){
		"a comment": func(d *Driver) { d.Events.Table = "\"x\nDROP TABLE y; --\"" },
		"a body":    func(d *Driver) { d.Events.Job = "$caddyjobs$; DROP TABLE y; --" },
		"an owner":  func(d *Driver) { d.Jobs.Owner = "o\rn" },
		"a channel": func(d *Driver) { d.Notify = "$caddyjobs$" },
	} {
		d := &Driver{Notify: notifyAuto}
		d.SetDefaults()
		change(d)
		if script, err := d.Schema(); err == nil || !strings.Contains(err.Error(), "is not printed") {
			t.Errorf("%s: %v, %s", name, err, script)
		}
	}
}

// TestSchema makes a database by the SQL that is printed, and a store reads it
// and hears what its triggers say.
func TestSchema(t *testing.T) {
	for name, change := range schemas {
		t.Run(name, func(t *testing.T) {
			for _, version := range versions {
				t.Run(version, func(t *testing.T) {
					a := newApp(t, testdb.Shared(t, version).Database(t), `CREATE SCHEMA "My ""App"""`)
					testHints(t, a, created(t, a, change))
				})
			}
		})
	}
}

func testHints(t *testing.T, a *app, d *Driver) {
	sql := func(text string) string { return named(text, d.Tables, "{watch}", watchTable(d.Tables)) }
	insert := sql(`INSERT INTO {events} ({job}, {message}, {time}) VALUES ($1, 'm', 1)`)
	a.exec(t, sql(`INSERT INTO {jobs} ({jobid}) VALUES ('job'), ('other')`))
	s := opened(t, a.dsn, func(o *Driver) { *o = *d })
	if _, err := s.Append(t.Context(), joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "m"}}, Key: "k"}); err != nil {
		t.Error(err)
	}
	hints, ended := make(chan string, 100), make(chan error, 1)
	changed, calls := make(chan struct{}), 0
	watching := func() ([]string, <-chan struct{}) {
		if calls++; calls == 1 {
			return []string{"job"}, changed
		}
		return []string{"other"}, nil
	}
	go func() { ended <- s.Listen(t.Context(), watching, func(job string) { hints <- job }) }()
	next := func(want, what string) {
		t.Helper()
		select {
		case job := <-hints:
			if job != want {
				t.Errorf("%s: the hint is of %q, want %q", what, job, want)
			}
		case <-time.After(patience):
			t.Fatalf("%s: no hint", what)
		}
	}
	next("", "listening") // and it is announced
	a.exec(t, insert, "other")
	a.exec(t, sql(`UPDATE {jobs} SET {state} = 'queued'`))
	a.exec(t, sql(`UPDATE {jobs} SET {state} = 'running' WHERE {jobid} = 'other'`))
	a.exec(t, sql(`UPDATE {jobs} SET {state} = 'done' WHERE {jobid} = 'job'`))
	next("job", "a state, and before it nothing that counts")
	a.exec(t, insert, "job")
	next("", "a row")
	columns := []string{d.Events.Job, d.Events.Message, d.Events.Time}
	parts, err := parse(d.Events.Table)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := a.pool.CopyFrom(t.Context(), parts, columns, pgx.CopyFromRows([][]any{{"other", "m", 1}, {"job", "m", 1}})); err != nil {
		t.Fatal(err)
	}
	next("", "COPY")
	a.poor(t, d, insert)
	next("", "a row of a user who may only insert")
	close(changed)
	next("", "an announcement")
	a.exec(t, insert, "job")
	a.exec(t, sql(`UPDATE {jobs} SET {state} = 'again' WHERE {jobid} = 'other'`))
	next("other", "the other job, and nothing of the first")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("Listen ended without an error")
	}
	var left int
	if err := a.pool.QueryRow(t.Context(), sql(`SELECT count(*) FROM {watch}`)).Scan(&left); err != nil || left != 0 {
		t.Errorf("%d announcements are left, %v", left, err)
	}
}

// poor inserts a row of the job as a user with no rights but that.
func (a *app) poor(t *testing.T, d *Driver, insert string) {
	t.Helper()
	_, schema := nameOf(d.Events.Table)
	role := "poor_" + strings.ToLower(pgx.Identifier{strings.ReplaceAll(t.Name(), "/", "_")}.Sanitize()[1:20])
	a.exec(t, named(fmt.Sprintf(`CREATE ROLE %s; GRANT USAGE ON SCHEMA %s TO %[1]s; GRANT INSERT ON {events} TO %[1]s;
		GRANT USAGE ON ALL SEQUENCES IN SCHEMA %[2]s TO %[1]s`, role, pgx.Identifier{schema}.Sanitize()), d.Tables))
	defer a.exec(t, fmt.Sprintf(`DROP OWNED BY %s; DROP ROLE %[1]s`, role))
	tx := a.begin(t)
	for _, statement := range []string{"SET LOCAL ROLE " + role, strings.Replace(insert, "$1", "'job'", 1)} {
		if _, err := tx.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
}
