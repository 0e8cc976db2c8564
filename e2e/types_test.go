package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// wild is a pair of tables as applications have them: types of columns, and
// what a row is on the wire.
type wild struct {
	name                      string
	id, job, severity, time   string // types
	jobID, sev, at            string // as SQL has them
	wireID, wireSev, database string // database: SQL that makes the events, of {columns}, if it is not a plain table
	ms                        int64
}

const (
	second = 1700000000
	stamp  = `'2023-11-14 22:13:20.123+00'` // second, and 123 ms
)

var wilds = []wild{
	{"uuid, identity, timestamptz, enum", "bigint GENERATED ALWAYS AS IDENTITY", "uuid", "level", "timestamptz", `'0A1B2C3D-0000-4000-8000-00000000ABCD'`, `'warn'`, stamp, "0a1b2c3d-0000-4000-8000-00000000abcd", "warn", "", second*1000 + 123},
	{"integer, serial, timestamp, smallint", "serial", "integer", "smallint", "timestamp", "42", "3", `'2023-11-14 22:13:20.123'`, "42", "3", "", second*1000 + 123},
	{"smallint, seconds, text", "bigserial", "smallint", "text", "integer", "7", `'info'`, "1700000000", "7", "info", "", second},
	{"bigint, milliseconds, varchar", "bigserial", "bigint", "varchar(10)", "bigint", "9000000000", `'error'`, "1700000000123", "9000000000", "error", "", second*1000 + 123},
	{"varchar, numeric time", "bigserial", "varchar(40)", "text", "numeric", `'job one'`, `'info'`, "1700000000123", "job one", "info", "", second*1000 + 123},
	{"char, float8 time", "bigserial", "char(20)", "text", "float8", `'padded'`, `'info'`, "1700000000123", "padded", "info", "", second*1000 + 123},
	{"view", "bigserial", "text", "level", "timestamptz", `'job'`, `'info'`, stamp, "job", "info", `CREATE TABLE below ({columns}); CREATE VIEW {events} AS SELECT * FROM below`, second*1000 + 123},
	{
		"partitions by time", "bigserial", "uuid", "text", "timestamptz", `'0a1b2c3d-0000-4000-8000-00000000abcd'`, `'info'`, stamp, "0a1b2c3d-0000-4000-8000-00000000abcd", "info",
		`CREATE TABLE {events} ({columns}) PARTITION BY RANGE ("At");
		CREATE TABLE y2023 PARTITION OF {events} FOR VALUES FROM ('2023-01-01') TO ('2024-01-01'); CREATE TABLE rest PARTITION OF {events} DEFAULT`, second*1000 + 123,
	},
}

// TestWildTables streams tables as they are found in the wild: a row from
// before the viewer, one that comes meanwhile, and the end.
func TestWildTables(t *testing.T) {
	t.Parallel()
	for _, w := range wilds {
		t.Run(w.name, func(t *testing.T) {
			t.Parallel()
			a := w.create(t)
			insert := fmt.Sprintf(`INSERT INTO "My App"."Log.Rows" ("for", "text", "Level", "At") VALUES (%s, $1, %s, %s)`, w.jobID, w.sev, w.at)
			a.exec(t, insert, "backlog")
			s := start(t, config{store: a.store})
			tr := watch(t, s, "/jobs/"+strings.ReplaceAll(w.wireID, " ", "%20")+"/logs")
			tr.awaitLines(t, 1)
			a.exec(t, insert, "live")
			tr.awaitLines(t, 2)
			a.exec(t, `UPDATE "My App".jobs SET "State" = 'done'`)
			tr.awaitEnd(t, "done", []line{
				{ID: 1, Job: w.wireID, Message: "backlog", Severity: w.wireSev, Time: w.ms},
				{ID: 2, Job: w.wireID, Message: "live", Severity: w.wireSev, Time: w.ms},
			})
		})
	}
}

// create makes the tables, and an application whose store knows their names.
func (w *wild) create(t *testing.T) *app {
	t.Helper()
	dsn := testdb.Shared(t, postgresVersion).Database(t)
	a := &app{arg: "$$$1", store: fmt.Sprintf(`store postgres {
		dsn %q
		events "\"My App\".\"Log.Rows\"" {
			id n
			job for
			message text
			severity Level
			time At
		}
		jobs "My App.jobs" {
			id "Job Id"
			state State
			terminal done
		}
	}`, dsn)}
	a.open(t, "pgx", dsn)
	events := w.database
	if events == "" {
		events = `CREATE TABLE {events} ({columns}, PRIMARY KEY (n)); CREATE INDEX ON {events} ("for", n)`
	}
	a.exec(t, strings.NewReplacer("{events}", `"My App"."Log.Rows"`, "{job}", w.job,
		"{columns}", fmt.Sprintf(`n %s, "for" %s, "text" text, "Level" %s, "At" %s`, w.id, w.job, w.severity, w.time)).Replace(
		`CREATE TYPE level AS ENUM ('info', 'warn'); CREATE TYPE state AS ENUM ('running', 'done'); CREATE SCHEMA "My App";
		CREATE TABLE "My App".jobs ("Job Id" {job} PRIMARY KEY, "State" state NOT NULL); `+events+`;
		INSERT INTO "My App".jobs VALUES (`+w.jobID+`, 'running')`))
	return a
}

// TestForbidden streams for a user who may not read the events: the client is
// told to come again, the log says what to grant, and then it goes on.
func TestForbidden(t *testing.T) {
	t.Parallel()
	dsn := testdb.Shared(t, postgresVersion).Database(t)
	a := postgresApp(t, dsn, dsn+"&options=-crole%3Dforbidden")
	a.exec(t, `CREATE ROLE forbidden`)
	t.Cleanup(func() { a.exec(t, `DROP OWNED BY forbidden; DROP ROLE forbidden`) })
	a.exec(t, `GRANT SELECT ON vibe_tasks TO forbidden`)
	a.addJob(t, "job")
	a.log(t, "job", 1, "row %d")
	s := start(t, config{store: a.store})
	if status, body := s.do(t, "GET", "/jobs/job/logs", ""); status != 200 || !strings.Contains(body, "event: error") || strings.Contains(body, "row 0") {
		t.Errorf("%d %s", status, body)
	}
	log, err := os.ReadFile(s.log)
	if err != nil || !strings.Contains(string(log), "may not be read; run: GRANT SELECT ON vibe_events TO the user of the dsn") {
		t.Errorf("the log is %s, %v", log, err)
	}
	a.exec(t, `GRANT SELECT ON vibe_events TO forbidden`)
	a.setState(t, "job", "completed")
	for deadline := time.Now().Add(patience); ; wait(t.Context(), 50*time.Millisecond) { // until the store is tried again
		_, body := s.do(t, "GET", "/jobs/job/logs", "")
		if strings.Contains(body, "row 0") && strings.Contains(body, `"complete"`) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("after the grant: %s", body)
		}
	}
}
