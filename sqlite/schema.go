package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	lib "modernc.org/sqlite/lib"

	"github.com/caddyjobs/caddyjobs/tables"
)

// requestsTable remembers idempotency keys. Its name is fixed: an application
// that wants keys in its own database creates it.
const requestsTable = `CREATE TABLE IF NOT EXISTS caddyjobs_requests (key TEXT PRIMARY KEY, job TEXT NOT NULL, ` +
	`digest TEXT NOT NULL, ids TEXT NOT NULL, created INTEGER NOT NULL)`

// ownTables makes the table that says which ones are our own.
const ownTables = `CREATE TABLE IF NOT EXISTS caddyjobs_tables (name TEXT PRIMARY KEY)`

// schema makes the tables. {…} are names.
const schema = requestsTable + `;
CREATE INDEX IF NOT EXISTS caddyjobs_requests_created ON caddyjobs_requests (created);
CREATE TABLE {events} (
	{id} INTEGER PRIMARY KEY AUTOINCREMENT,
	{job} TEXT NOT NULL,
	{message} TEXT NOT NULL,
	{severity} TEXT,
	{time} INTEGER -- milliseconds since 1970
);
CREATE INDEX {index} ON {events} ({job}, {id});
CREATE TABLE {jobs} (
	{jobid} TEXT PRIMARY KEY NOT NULL,
	{state} TEXT NOT NULL DEFAULT 'queued',
	{owner} TEXT,
	{created} INTEGER, -- milliseconds since 1970
	{updated} INTEGER
)`

// manual comes before the schema where a person reads it.
const manual = `-- What caddyjobs reads in a database that your application makes; one that is
-- missing it makes by itself. Leave out what you have. The ids of events need
-- AUTOINCREMENT, so that none is given out twice, and the index is for reading
-- logs. The first table and its index are for idempotency keys of jobs_ingest.
PRAGMA journal_mode = WAL;
`

// Schema is the SQL of all that the store can use, for the names that are
// configured. Its errors are those of names that cannot be.
func (d *Driver) Schema() (string, error) {
	if err := d.Tables.Validate(); err != nil {
		return "", err
	}
	return manual + named(schema, d.Tables) + ";\n", nil
}

// defaultOwner is the column for owners in our own tables if none is configured.
const defaultOwner = "tenant_id"

// createSchema makes the tables, unless another process just did.
func createSchema(ctx context.Context, db *sql.DB, t tables.Tables) error {
	enableWAL(ctx, db)
	err := transact(ctx, db, nil, func(tx *sql.Tx) error {
		var there int
		err := tx.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_schema WHERE name IN (?, ?)`, t.Events.Table, t.Jobs.Table).Scan(&there)
		if err != nil || there > 0 {
			return err
		}
		if _, err := tx.ExecContext(ctx, ownTables+";\n"+named(schema, t)); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT OR IGNORE INTO caddyjobs_tables VALUES (?), (?)`, t.Events.Table, t.Jobs.Table)
		return err
	})
	if err != nil {
		return fmt.Errorf("creating the tables: %w", err)
	}
	return nil
}

// named puts the names, and more pairs of what stands for something and that, into
// SQL, all at once: in them anything may stand.
func named(text string, t tables.Tables, pairs ...string) string {
	e, j := t.Events, t.Jobs
	owner := j.Owner
	if owner == "" {
		owner = defaultOwner
	}
	for name, value := range map[string]string{
		"events": e.Table, "id": e.ID, "job": e.Job, "message": e.Message, "severity": e.Severity, "time": e.Time,
		"index": e.Table + "_by_job", "jobs": j.Table, "jobid": j.ID, "state": j.State, "owner": owner,
		"created": "created_at", "updated": "updated_at",
	} {
		pairs = append(pairs, "{"+name+"}", tables.Quote(value))
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// enableWAL lets readers and a writer work at once. The mode stays with the
// file. If somebody is in the way the next opening tries again; until then
// all works, slower.
func enableWAL(ctx context.Context, db *sql.DB) {
	var mode string
	_ = db.QueryRowContext(ctx, `PRAGMA journal_mode = WAL`).Scan(&mode)
}

// missingTable reports whether err is of a table that is not there.
func missingTable(err error) bool {
	return code(err) == lib.SQLITE_ERROR && strings.Contains(err.Error(), "no such table")
}

var errNoRequests = errors.New("idempotency keys need a table that this database lacks; create it by: " + requestsTable)
