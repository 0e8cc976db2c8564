package postgres

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/joblog"
)

const (
	announceGather = 100 * time.Millisecond // between two announcements
	announceAgain  = 5 * time.Minute        // of the same, to be kept
	announceFor    = "10 minutes"           // how long one counts
	announceLeave  = time.Second            // to take it back
	announceWait   = 10 * time.Second       // for an answer, which a dead connection never gives
)

// announcer tells the database which jobs are watched here, in the table that
// the trigger of `caddy jobs schema postgres` looks at: writers of other jobs
// then need not notify. If there is no such table, there is no such trigger.
type announcer struct {
	store  *Store
	conn   *pgx.Conn
	table  string
	node   string
	told   map[string]struct{} // the jobs that are in the table
	at     time.Time           // when all of them were put there
	off    bool                // the table cannot be written to
	warned bool                // of that
}

func newAnnouncer(s *Store, conn *pgx.Conn) *announcer {
	return &announcer{store: s, conn: conn, table: watchTable(s.cfg.Tables), node: rand.Text(), told: map[string]struct{}{}}
}

// announce brings the table up to date, and returns a channel that is closed
// when it no longer is.
func (a *announcer) announce(ctx context.Context, watching joblog.Watching) (<-chan struct{}, error) {
	ctx, cancel := context.WithTimeout(ctx, announceWait)
	defer cancel()
	jobs, changed := watching()
	if a.off { // asking spares the server's log an error a beat
		if a.off = !a.usable(ctx); a.off {
			return nil, ctx.Err()
		}
	}
	err := a.update(ctx, jobs)
	if is(err, "42P01") || is(err, "42501") || is(err, "25006") { // no table, no right to it, a standby
		if !is(err, "42P01") && !a.warned {
			a.warned = true
			a.store.log.Warn("it cannot be announced which jobs are watched; GRANT SELECT, INSERT, UPDATE, DELETE ON "+a.table+" TO the user of the dsn", "error", err)
		}
		a.off, a.told, a.at = true, nil, time.Time{}
		return nil, nil
	}
	return changed, err
}

// usable reports whether the table is there now, and may be written to.
func (a *announcer) usable(ctx context.Context) (ok bool) {
	err := a.conn.QueryRow(ctx, `SELECT coalesce(bool_and(has_table_privilege(to_regclass($1)::oid, p)), false) AND NOT pg_is_in_recovery()
		FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']) p`, a.table).Scan(&ok)
	return err == nil && ok // a connection that is gone is noticed by who listens on it
}

// update announces the jobs that have come, and all of them now and then, and
// takes back those that are gone.
func (a *announcer) update(ctx context.Context, jobs []string) error {
	batch := new(pgx.Batch)
	all := time.Since(a.at) >= announceAgain
	if all {
		batch.Queue(`DELETE FROM ` + a.table + ` WHERE until < now()`) // of nodes that died
	}
	now := make(map[string]struct{}, len(jobs))
	var come, gone []string
	for _, job := range jobs {
		now[job] = struct{}{}
		if _, ok := a.told[job]; all || !ok {
			come = append(come, job)
		}
	}
	for job := range a.told {
		if _, ok := now[job]; !ok {
			gone = append(gone, job)
		}
	}
	if !all && len(come)+len(gone) == 0 {
		return nil
	}
	batch.Queue(`DELETE FROM `+a.table+` WHERE node = $1 AND job = ANY($2)`, a.node, gone)
	batch.Queue(`INSERT INTO `+a.table+` (job, node, until) SELECT unnest($1::text[]), $2, now() + interval '`+announceFor+`'
		ON CONFLICT (job, node) DO UPDATE SET until = excluded.until`, come, a.node)
	if err := a.conn.SendBatch(ctx, batch).Close(); err != nil {
		return err
	}
	if a.told = now; all {
		a.at = time.Now()
	}
	return nil
}

// leave takes the announcements back.
func (a *announcer) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, announceLeave)
	defer cancel()
	if !a.off && len(a.told) > 0 && !a.conn.IsClosed() {
		_, _ = a.conn.Exec(ctx, `DELETE FROM `+a.table+` WHERE node = $1`, a.node) // else they run out
	}
}
