package e2e

import (
	"context"
	"database/sql"
	"fmt"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"
	_ "modernc.org/sqlite"
)

// app is the application whose jobs are watched: it writes rows with plain
// SQL, over connections of its own, and knows nothing of Caddy.
type app struct {
	store string // the store's lines in the Caddyfile
	db    *sql.DB
	// arg is how the database writes the nth argument of a statement.
	arg string
}

// onBothStores runs a test on SQLite and on Postgres, side by side.
func onBothStores(t *testing.T, c config, test func(t *testing.T, a *app, s *server)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		a, s := onSQLite(t, c)
		test(t, a, s)
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		a, own := newPostgresApp(t), c // the other test has c, too
		own.store = a.storeWith(c.options)
		test(t, a, start(t, own))
	})
}

// onSQLite starts a server on an empty SQLite database, which it makes
// itself, and an application beside it.
func onSQLite(t *testing.T, c config) (*app, *server) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "jobs.db")
	a := &app{store: fmt.Sprintf("store sqlite {\n path %s\n }", file), arg: "?$1"}
	c.store = a.storeWith(c.options)
	s := start(t, c)
	// The first use of the store makes the tables.
	if status, body := s.do(t, http.MethodPut, "/jobs/first/state", `{"state":"running"}`); status != http.StatusOK {
		t.Fatalf("PUT state: %d %s", status, body)
	}
	a.open(t, "sqlite", "file:"+file+"?_pragma=busy_timeout(10000)&_txlock=immediate")
	return a, s
}

// storeWith is the store's lines with more of them.
func (a *app) storeWith(options string) string {
	return strings.Replace(a.store, "{\n", "{\n"+options+"\n", 1)
}

func (a *app) open(t *testing.T, driver, dsn string) {
	t.Helper()
	db, err := sql.Open(driver, dsn)
	if err != nil {
		t.Fatal(err)
	}
	a.db = db
	t.Cleanup(func() { _ = db.Close() })
}

var argument = regexp.MustCompile(`\$(\d+)`)

// exec runs one statement, whose arguments are written $1, $2 and so on.
func (a *app) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := a.db.Exec(a.sql(query), args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

func (a *app) sql(query string) string { return argument.ReplaceAllString(query, a.arg) }

func (a *app) addJob(t *testing.T, job string) {
	t.Helper()
	a.exec(t, `INSERT INTO vibe_tasks (task_id, execution_state) VALUES ($1, 'running')`, job)
}

func (a *app) setState(t *testing.T, job, state string) {
	t.Helper()
	a.exec(t, `UPDATE vibe_tasks SET execution_state = $2 WHERE task_id = $1`, job, state)
}

const insertEvent = `INSERT INTO vibe_events (task_id, event_message, severity, event_time) VALUES ($1, $2, $3, $4)`

// eventTime is the time of all rows; what time it is does not matter.
const eventTime = 1234567890

// log writes n rows in one transaction.
func (a *app) log(t *testing.T, job string, n int, format string) {
	t.Helper()
	tx, err := a.db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }() // of no effect after the commit
	insert, err := tx.Prepare(a.sql(insertEvent))
	if err != nil {
		t.Fatal(err)
	}
	defer insert.Close()
	for i := range n {
		if _, err := insert.Exec(job, fmt.Sprintf(format, i), "info", eventTime); err != nil {
			t.Fatal(err)
		}
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// rows is a job's log as the table has it.
func (a *app) rows(t *testing.T, job string) []line {
	t.Helper()
	rows, err := a.db.QueryContext(context.Background(), a.sql(
		`SELECT event_id, task_id, event_message, severity, event_time FROM vibe_events WHERE task_id = $1 ORDER BY event_id`), job)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var log []line
	for rows.Next() {
		var l line
		if err := rows.Scan(&l.ID, &l.Job, &l.Message, &l.Severity, &l.Time); err != nil {
			t.Fatal(err)
		}
		log = append(log, l)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return log
}
