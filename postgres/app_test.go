package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/storetest"
)

func TestMain(m *testing.M) { testdb.Main(m) }

// app is an application that uses the database by itself.
type app struct {
	dsn  string
	pool *pgxpool.Pool
}

// appSchema is what the application whose names are the defaults would have.
const appSchema = `CREATE TABLE vibe_tasks (task_id text PRIMARY KEY, execution_state text NOT NULL, tenant_id text);
CREATE TABLE vibe_events (event_id bigserial PRIMARY KEY, task_id text NOT NULL REFERENCES vibe_tasks,
	event_message text NOT NULL, severity text, event_time bigint);
CREATE INDEX ON vibe_events (task_id, event_id);
` + requestsTable

func newApp(t testing.TB, dsn, schema string) *app {
	t.Helper()
	pool, err := pgxpool.New(context.Background(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	a := &app{dsn: dsn, pool: pool}
	a.exec(t, schema)
	return a
}

func (a *app) exec(t testing.TB, query string, args ...any) {
	t.Helper()
	if _, err := a.pool.Exec(context.WithoutCancel(t.Context()), query, args...); err != nil {
		t.Errorf("%.200s: %v", query, err)
	}
}

func (a *app) insert(t testing.TB, job string, events ...joblog.Event) (ids []int64) {
	t.Helper()
	messages, severities, times := []string{}, []string{}, []int64{}
	for _, e := range events {
		messages, severities, times = append(messages, e.Message), append(severities, e.Severity), append(times, e.Time)
	}
	rows, err := a.pool.Query(context.WithoutCancel(t.Context()), `INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		SELECT $1, m, nullif(s, ''), nullif(ms, 0) FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY u(m, s, ms, n)
		ORDER BY n RETURNING event_id`, job, messages, severities, times)
	if err == nil {
		ids, err = pgx.CollectRows(rows, pgx.RowTo[int64])
	}
	if err != nil {
		t.Errorf("inserting: %v", err)
	}
	a.exec(t, `NOTIFY caddyjobs`)
	return ids
}

func (a *app) setJob(t testing.TB, job, state string) {
	t.Helper()
	a.exec(t, `INSERT INTO vibe_tasks (task_id, execution_state) VALUES ($1, $2)
		ON CONFLICT (task_id) DO UPDATE SET execution_state = $2`, job, state)
}

func (a *app) setOwner(t testing.TB, job, owner string) {
	t.Helper()
	a.exec(t, `UPDATE vibe_tasks SET tenant_id = $2 WHERE task_id = $1`, job, owner)
}

// withOwner has jobs belong to somebody.
func withOwner(d *Driver) { d.Jobs.Owner = "tenant_id" }

// anyones asks for jobs, whoever they belong to.
func anyones(ids ...string) (asks []joblog.Ask) {
	for _, id := range ids {
		asks = append(asks, joblog.Ask{ID: id, AnyOwner: true})
	}
	return asks
}

// reader is the DSN of a user who may read the tables, and nothing else.
func (a *app) reader(t testing.TB) string {
	t.Helper()
	role := "reader_" + strings.ReplaceAll(strings.ToLower(t.Name()), "/", "_")
	a.exec(t, fmt.Sprintf(`CREATE ROLE %s LOGIN PASSWORD 'x'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO %[1]s`, role))
	t.Cleanup(func() { a.exec(t, fmt.Sprintf(`DROP OWNED BY %s; DROP ROLE %[1]s`, role)) })
	config, err := pgx.ParseConfig(a.dsn)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("postgres://%s:x@%s:%d/%s?sslmode=disable", role, config.Host, config.Port, config.Database)
}

// opened is a store on a database, closed with the test.
func opened(t testing.TB, dsn string, change ...func(*Driver)) *Store {
	t.Helper()
	d := Driver{DSN: dsn, MaxMessage: defaultMaxMessage, Notify: notifyAuto}
	d.SetDefaults()
	for _, f := range change {
		f(&d)
	}
	s := d.Open(slog.New(slog.NewTextHandler(t.Output(), nil))).(*Store)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return s
}

// versions are the servers that all of it must work with.
var versions = []string{"14", "18"}

// TestStore runs the suite on an application's databases.
func TestStore(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			server := testdb.Shared(t, version)
			storetest.Run(t, func(t *testing.T) storetest.Fixture {
				a := newApp(t, server.Database(t), appSchema)
				return storetest.Fixture{
					Store:  opened(t, a.dsn, withOwner),
					Reopen: func(t testing.TB) joblog.Store { return opened(t, a.dsn, withOwner) },
					Insert: a.insert, SetJob: a.setJob, SetOwner: a.setOwner,
				}
			})
		})
	}
}
