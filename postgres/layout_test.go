package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/jackc/pgx/v5/pgxpool"
)

// TestUnborn finds out whether ids are made when rows are written, and says why
// not.
func TestUnborn(t *testing.T) {
	const view = `ALTER TABLE vibe_events RENAME TO leaf; CREATE VIEW vibe_events AS `
	onVersions(t, func(t *testing.T, a *app) {
		for _, c := range []struct{ name, change, says string }{
			{"its own sequence", `SELECT 1`, ""},
			{"a view", view + `SELECT * FROM leaf`, ""},
			{"a view of a view", view + `SELECT * FROM leaf; ALTER VIEW vibe_events RENAME TO inner_view; CREATE VIEW vibe_events AS SELECT * FROM inner_view`, ""},
			{"a view by another name", `ALTER TABLE vibe_events RENAME event_id TO id; ` + view + `SELECT id AS event_id, task_id, event_message, severity, event_time FROM leaf`, ""},
			{"a view that joins", `CREATE TABLE extra (n bigserial, id bigint); ` + view + `SELECT leaf.*, n FROM leaf LEFT JOIN extra ON id = event_id`, ""},
			{"a view of two tables", view + `SELECT * FROM leaf UNION ALL SELECT * FROM more`, "no single sequence makes them"},
			{"a cache", `ALTER SEQUENCE vibe_events_event_id_seq CACHE 20`, "run: ALTER SEQUENCE vibe_events_event_id_seq CACHE 1"},
			{"an increment", `ALTER SEQUENCE vibe_events_event_id_seq INCREMENT 2`, "INCREMENT 2"},
			{"no sequence", `ALTER TABLE vibe_events ALTER event_id DROP DEFAULT; DROP SEQUENCE vibe_events_event_id_seq`, "no single sequence makes them"},
		} {
			t.Run(c.name, func(t *testing.T) {
				a.exec(t, `DROP SCHEMA public CASCADE; CREATE SCHEMA public`)
				a.exec(t, appSchema)
				a.exec(t, `CREATE TABLE more (event_id bigserial, task_id text, event_message text, severity text, event_time bigint)`)
				a.exec(t, c.change)
				err := opened(t, a.dsn).use(t.Context(), func(_ context.Context, _ *pgxpool.Pool, l *layout) error {
					says := strings.Join(l.warnings, "\n")
					if want := map[bool]time.Duration{false: settleUnborn}[c.says == ""]; l.settle != want {
						t.Errorf("holes settle after %s, want %s", l.settle, want)
					}
					if c.says == "" && says != "" || !strings.Contains(says, c.says) {
						t.Errorf("the warnings are %q, want %q", says, c.says)
					}
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// TestAltered alters the sequence of a store that is in use: it is looked at
// again when connections are new.
func TestAltered(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn))
		a.exec(t, `ALTER SEQUENCE vibe_events_event_id_seq CACHE 20`)
		a.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'caddyjobs' AND datname = current_database()`)
		f.until("another look", func() bool { return !f.tail.(*tail).exact })
	})
}

// TestSettle waits for ids as long as it is configured.
func TestSettle(t *testing.T) {
	onVersions(t, func(t *testing.T, a *app) {
		a.setJob(t, "job", "running")
		f := follow(t, opened(t, a.dsn, func(d *Driver) { d.Settle = caddy.Duration(time.Hour) }))
		burnt := a.begin(t)
		insertIn(t, burnt)
		if err := burnt.Rollback(t.Context()); err != nil {
			t.Fatal(err)
		}
		a.exec(t, insertRow)
		for range 3 {
			f.mustTick()
		}
		if p := f.tail.Position(); len(p.Holes) != 1 {
			t.Errorf("before it has settled the position is %s", p)
		}
		f.grow(time.Hour)
		for range 2 {
			f.mustTick()
		}
		if p := f.tail.Position(); len(p.Holes) != 0 {
			t.Errorf("after it has settled the position is %s", p)
		}
	})
}
