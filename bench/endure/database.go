package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
	_ "github.com/jackc/pgx/v5/stdlib" // the drivers of the writer's own connections
	_ "modernc.org/sqlite"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// database is what a scene plays on.
type database struct {
	store       string // as the config of a node has it
	file        string // what the names of its files begin with, for a node; at least one letter
	driver, dsn string // of the writer
	tidy        string // what an application runs when it has written a lot
}

// place makes the database of a scene.
type place func(ctx context.Context, s *scene) (database, error)

// places are the databases that there are, by the names of their stores.
var places = map[string]place{"sqlite": file, "postgres": server}

func (d database) open() (*sql.DB, error) { return sql.Open(d.driver, d.dsn) }

// file is a database of SQLite, whose tables the first node makes. That the
// machine fails is not tested: no commit waits for the disk.
func file(_ context.Context, s *scene) (database, error) {
	path := filepath.Join(s.home, "jobs.db")
	return database{
		store: fmt.Sprintf("sqlite {\n\t\t\tpath %s\n\t\t}", path), file: path,
		driver: "sqlite", dsn: "file:" + path + "?_pragma=busy_timeout(10000)&_pragma=synchronous(off)&_txlock=immediate",
		tidy: "PRAGMA wal_checkpoint(TRUNCATE)",
	}, nil
}

// server is a database of Postgres, with the tables that the binary tells of.
func server(ctx context.Context, s *scene) (d database, err error) {
	if s.postgres == nil {
		return d, errors.New("no server was started")
	}
	s.databases++
	if d.dsn, err = s.postgres.New(fmt.Sprint("scene", s.databases)); err != nil {
		return d, fmt.Errorf("making a database: %w", err)
	}
	d.driver, d.file, d.tidy, d.store = "pgx", "none", "VACUUM ANALYZE", fmt.Sprintf("postgres {\n\t\t\tdsn %q\n\t\t}", d.dsn)
	schema, err := exec.CommandContext(ctx, s.programs["caddyjobs"], "jobs", "schema", "postgres").Output()
	if err != nil {
		return d, fmt.Errorf("asking for the schema: %w", err)
	}
	conn, err := pgx.Connect(ctx, d.dsn)
	if err != nil {
		return d, err
	}
	defer func() { _ = conn.Close(ctx) }()
	// In one go an index cannot be made beside writers.
	_, err = conn.Exec(ctx, strings.Replace(string(schema), " CONCURRENTLY", "", 1), pgx.QueryExecModeSimpleProtocol)
	return d, err
}

// serve starts the server of Postgres.
func (o *options) serve() (err error) {
	o.postgres, err = testdb.Run("18", "shared_buffers=512MB", "max_wal_size=8GB", "checkpoint_timeout=1h")
	return err
}
