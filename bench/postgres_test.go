package bench

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
	"github.com/caddyjobs/caddyjobs/postgres"
)

// database is one with the tables that `caddy jobs schema postgres` prints, and
// the jobs job-0 and so on, on a server that waits for its disk.
func database(b *testing.B, jobs int) (dsn string, pool *pgxpool.Pool) {
	b.Helper()
	dsn = testdb.Start(b, "18", "fsync=on", "full_page_writes=on", "shared_buffers=512MB").Database(b)
	d := &postgres.Driver{DSN: dsn, Notify: "auto"}
	d.SetDefaults()
	script, err := d.Schema()
	if err != nil {
		b.Fatal(err)
	}
	if pool, err = pgxpool.New(b.Context(), dsn); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(pool.Close)
	run(b, pool, strings.Replace(script, " CONCURRENTLY", "", 1))
	run(b, pool, fmt.Sprintf(`INSERT INTO vibe_tasks SELECT 'job-' || i, 'running' FROM generate_series(0, %d) i`, jobs-1))
	return dsn, pool
}

func run(b *testing.B, pool *pgxpool.Pool, statement string) {
	b.Helper()
	if _, err := pool.Exec(context.WithoutCancel(b.Context()), statement); err != nil {
		b.Fatalf("%.100s: %v", statement, err)
	}
}
