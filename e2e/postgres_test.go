package e2e

import (
	"fmt"
	"net/url"
	"testing"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// postgresVersion is the newest that is supported; the store's own tests run
// on the oldest as well.
const postgresVersion = "18"

// originalSchema is the original application's, and the table for idempotency
// keys that the README shows.
const originalSchema = `
CREATE TABLE vibe_tasks (task_id text PRIMARY KEY, execution_state text NOT NULL, tenant_id text);
CREATE TABLE vibe_events (event_id bigserial PRIMARY KEY, task_id text NOT NULL REFERENCES vibe_tasks,
	event_message text NOT NULL, severity text, event_time bigint);
CREATE INDEX ON vibe_events (task_id, event_id);
CREATE TABLE caddyjobs_requests (key text PRIMARY KEY, job text NOT NULL, digest text NOT NULL, ids bigint[] NOT NULL,
	created timestamptz NOT NULL DEFAULT now())`

// postgresServer is a server of one test, which may kill it.
type postgresServer struct{ *testdb.Server }

func newPostgresServer(t *testing.T) *postgresServer {
	t.Helper()
	return &postgresServer{testdb.Start(t, postgresVersion)}
}

func (p *postgresServer) app(t *testing.T) *app {
	t.Helper()
	dsn := p.Database(t)
	return postgresApp(t, dsn, dsn)
}

func (p *postgresServer) kill(t *testing.T)    { p.Kill9(t) }
func (p *postgresServer) restart(t *testing.T) { p.Restart(t) }

// newPostgresApp is an application on an empty database.
func newPostgresApp(t *testing.T) *app {
	t.Helper()
	dsn := testdb.Shared(t, postgresVersion).Database(t)
	return postgresApp(t, dsn, dsn)
}

// newCountedApp is an application whose store is read through a relay that
// counts the queries.
func newCountedApp(t *testing.T) (*app, *counter) {
	t.Helper()
	dsn := testdb.Shared(t, postgresVersion).Database(t)
	direct, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	c := newCounter()
	r := newRelay(t, direct.Host)
	r.sees = c.sees
	direct.Host = "127.0.0.1:" + r.port()
	return postgresApp(t, dsn, direct.String()), c
}

// postgresApp is an application on dsn, whose store reads by another one.
func postgresApp(t *testing.T, dsn, store string) *app {
	t.Helper()
	a := &app{store: fmt.Sprintf("store postgres {\n dsn %q\n }", store), arg: "$$$1"}
	a.open(t, "pgx", dsn)
	a.exec(t, originalSchema)
	return a
}
