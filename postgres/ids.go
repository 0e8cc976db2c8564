package postgres

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/tables"
)

// inspectIDs finds out who makes the ids, and whose locks count.
func (l *layout) inspectIDs(ctx context.Context, pool *pgxpool.Pool, d *Driver, events *relation) error {
	var sequence *string
	var cache, increment *int64
	var cycles *bool
	var readable, seeing, subscribed bool
	err := pool.QueryRow(ctx, `WITH RECURSIVE r(oid) AS (
			SELECT $1::oid UNION SELECT v.refobjid FROM r JOIN pg_rewrite w ON w.ev_class = r.oid
			JOIN pg_depend v ON v.classid = 'pg_rewrite'::regclass AND v.objid = w.oid AND v.refclassid = 'pg_class'::regclass
		), c AS (SELECT attnum, attidentity <> '' OR atthasdef AS has FROM pg_attribute WHERE attrelid = $1 AND attname = $2
		), made AS ( -- the columns that ids may come from: of a view, all that are below it
			SELECT $1::oid AS rel, attnum AS col, true AS named FROM c
			UNION SELECT a.attrelid, a.attnum, a.attname = $2 FROM r JOIN pg_rewrite w ON w.ev_class = r.oid
			JOIN pg_depend v ON v.classid = 'pg_rewrite'::regclass AND v.objid = w.oid AND v.refclassid = 'pg_class'::regclass
			JOIN pg_attribute a ON a.attrelid = v.refobjid AND a.attnum = v.refobjsubid
		), maker AS ( -- of identity columns, and of those with a default
			SELECT p.objid AS oid, m.named FROM made m JOIN pg_depend p ON
				p.refclassid = 'pg_class'::regclass AND p.refobjid = m.rel AND p.refobjsubid = m.col AND p.deptype = 'i' AND p.classid = 'pg_class'::regclass
			UNION SELECT p.refobjid, m.named FROM made m JOIN pg_attrdef a ON a.adrelid = m.rel AND a.adnum = m.col
			JOIN pg_depend p ON p.classid = 'pg_attrdef'::regclass AND p.objid = a.oid AND p.refclassid = 'pg_class'::regclass
		), q AS (
			SELECT q.* FROM pg_sequence q WHERE seqrelid IN (SELECT oid FROM maker WHERE named
				OR NOT EXISTS (SELECT FROM maker o JOIN pg_sequence ON seqrelid = o.oid WHERE o.named))
		), s AS (SELECT * FROM q WHERE (SELECT count(*) FROM q) = 1)
		SELECT ARRAY(SELECT oid FROM r ORDER BY 1), (SELECT has FROM c), s.seqrelid::regclass::text, s.seqcache, s.seqincrement, s.seqcycle,
			EXISTS (SELECT FROM pg_subscription_rel JOIN r ON r.oid = srrelid),
			coalesce(has_sequence_privilege(s.seqrelid, 'SELECT'), false),
			has_table_privilege('pg_catalog.pg_locks', 'SELECT') AND has_function_privilege('pg_catalog.pg_lock_status()', 'EXECUTE')
		FROM (SELECT 1) one LEFT JOIN s ON true`, events.oid, d.Events.ID).
		Scan(&l.relations, &l.defaulted, &sequence, &cache, &increment, &cycles, &subscribed, &readable, &seeing)
	if err != nil {
		return err
	}
	if sequence != nil {
		if err := orderly(*sequence, *increment, *cycles); err != nil {
			return err
		}
	}
	if subscribed {
		sequence = nil // it stands still: the ids are another server's
	}
	if err := l.inspectUnique(ctx, pool, d.Tables, events, sequence != nil); err != nil {
		return err
	}
	l.table, l.heap = events.oid, events.whole && (events.kind == "r" || events.kind == "p")
	l.blind, l.settle, l.patience = !seeing, time.Duration(d.Settle), time.Duration(d.Settle)
	if l.blind {
		l.warnings = append(l.warnings, fmt.Sprintf("pg_locks may not be read, so ids that were passed over are given up when all transactions have ended "+
			"that were open %s later; to go by who writes, run: GRANT SELECT ON pg_catalog.pg_locks TO the user of the dsn", max(l.settle, blindWait)))
	}
	if why := unborn(sequence, cache, increment); why != "" {
		if l.settle == 0 {
			l.settle = settleUnborn
		}
		missed := ""
		if sequence != nil && *cache > 1 && *increment == 1 && readable {
			l.cache, missed = *cache, fmt.Sprintf(" and %d other sessions have left some of theirs since", maxUnborn)
		}
		l.warnings = append(l.warnings, fmt.Sprintf("ids of %s need not be made when a row is written, since %s: a row whose id "+
			"is more than %s old%s may be missed by viewers who are connected", d.Events.Table, why, l.settle, missed))
	}
	if sequence != nil && !readable {
		l.warnings = append(l.warnings, fmt.Sprintf("the sequence %s may not be read: when the newest rows are deleted, logs are shown anew, as if it went back; "+
			"run: GRANT SELECT ON SEQUENCE %[1]s TO the user of the dsn", *sequence))
		sequence = nil
	}
	l.counted = sequence != nil && *increment == 1
	l.statements = newStatements(d.Tables, l, sequence)
	if l.counted {
		return l.inspectSequence(ctx, pool, d.Tables, *sequence)
	}
	return nil
}

// unborn is why ids may be older than the lock of whoever writes them; empty if
// they are not.
func unborn(sequence *string, cache, increment *int64) string {
	switch {
	case sequence == nil:
		return "no single sequence makes them"
	case *cache > 1:
		return fmt.Sprintf("sessions keep %d of them; run: ALTER SEQUENCE %s CACHE 1", *cache, *sequence)
	case *increment != 1:
		return fmt.Sprintf("%s makes only some of them (INCREMENT %d), and others may come from elsewhere", *sequence, *increment)
	default:
		return ""
	}
}

// orderly returns an error unless the ids that a sequence makes ascend, and none
// comes again.
func orderly(sequence string, increment int64, cycles bool) error {
	switch {
	case increment < 0:
		return misfit("the sequence %s counts down, so that new rows would come before those that were read; run: ALTER SEQUENCE %[1]s INCREMENT 1", sequence)
	case cycles:
		return misfit("the sequence %s begins anew at its end, so that new rows would come before those that were read; run: ALTER SEQUENCE %[1]s NO CYCLE", sequence)
	default:
		return nil
	}
}

// inspectSequence returns an error if the next ids are lower than some that are
// there, as after a restore without setval.
func (l *layout) inspectSequence(ctx context.Context, pool *pgxpool.Pool, t tables.Tables, sequence string) error {
	var behind bool
	if err := pool.QueryRow(ctx, l.behind).Scan(&behind); err != nil || !behind {
		return unlessAnswered(ctx, err)
	}
	return misfit("%s", named("the sequence {sequence} is behind the ids of its table: it gives out lower ones, which may be taken, or come before those that were read; "+
		"run: SELECT setval('{sequence}', (SELECT max({id}) FROM {events})), or, if the application makes the ids: ALTER TABLE {events} ALTER {id} DROP DEFAULT", t, "{sequence}", sequence))
}

// findUnique looks at the tables below a relation, itself or a view's: whether
// rows cannot share a value of a column, or cannot do so with one job, or with
// something else.
//
//	$1 the oid  $2 the column  $3 the column of the job, or the same
const findUnique = `WITH RECURSIVE r(oid) AS (
		SELECT $1::oid UNION SELECT v.refobjid FROM r JOIN pg_rewrite w ON w.ev_class = r.oid
		JOIN pg_depend v ON v.classid = 'pg_rewrite'::regclass AND v.objid = w.oid AND v.refclassid = 'pg_class'::regclass
	), t AS (SELECT c.oid, c.relkind = 'r' AND c.relhassubclass AS heirs FROM pg_class c JOIN r USING (oid) WHERE c.relkind IN ('r', 'p', 'f')
	), x AS (SELECT ARRAY(SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(n, nth)
			LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.n AND k.n > 0 WHERE k.nth <= i.indnkeyatts) AS columns
		FROM pg_index i JOIN t ON t.oid = i.indrelid WHERE i.indisunique AND i.indisvalid AND i.indpred IS NULL)
	SELECT (SELECT count(*) = 1 AND NOT bool_or(heirs) FROM t) AND EXISTS (SELECT FROM x WHERE columns = ARRAY[$2::text]),
		EXISTS (SELECT FROM x WHERE $2::text = ANY(columns) AND $3::text = ANY(columns)),
		EXISTS (SELECT FROM x WHERE $2::text = ANY(columns))`

// inspectUnique returns an error if rows share ids, or may: then they would be
// taken for others. Ids that one sequence makes are unique even where no index
// says so.
func (l *layout) inspectUnique(ctx context.Context, pool *pgxpool.Pool, t tables.Tables, events *relation, sequence bool) error {
	var alone, perJob, perOther bool
	if err := pool.QueryRow(ctx, findUnique, events.oid, t.Events.ID, t.Events.Job).Scan(&alone, &perJob, &perOther); err != nil || alone {
		return err
	}
	mend := named("CREATE UNIQUE INDEX CONCURRENTLY ON {events} ({id}), or have one sequence make all ids", t)
	twice, err := shared(ctx, pool, t)
	switch {
	case err != nil:
		return err
	case twice:
		return misfit("rows of %s share ids, as where %s counts per job: they would be taken for others, and lost; give each an id of its own, or name a column that has one: events id <column>; "+
			"then run: %s", t.Events.Table, t.Events.ID, mend)
	case sequence:
		return nil
	case perJob, !perOther && slices.Contains([]string{"r", "p"}, events.kind):
		return misfit("rows of %s may share ids, as where %s counts per job: they would be taken for others, and lost; name a column that is unique by itself: events id <column>; or run: %s",
			t.Events.Table, t.Events.ID, mend)
	}
	l.warnings = append(l.warnings, fmt.Sprintf("nothing keeps rows of %s from sharing ids, which would be taken for others and lost: the application must give each one of its own in %s", t.Events.Table, t.Events.ID))
	return nil
}

// someRows is how many rows, the newest ones, are looked at for ids that come
// twice.
const someRows = 10_000

// shared reports whether some rows have one id. It takes no longer than countTime,
// and knows of none then, nor where a row cannot be read.
func shared(ctx context.Context, pool *pgxpool.Pool, t tables.Tables) (twice bool, err error) {
	err = briefly(ctx, pool, func(tx pgx.Tx) error {
		return tx.QueryRow(ctx, named(fmt.Sprintf(`SELECT EXISTS (SELECT FROM (SELECT x.{id} AS id FROM {events} x WHERE x.{id} > 0 ORDER BY x.{id} DESC LIMIT %d) e
			GROUP BY id HAVING count(*) > 1)`, someRows), t)).Scan(&twice)
	})
	return twice, unlessAnswered(ctx, err)
}

// unlessAnswered is an error, but for the server's about rows that cannot be read,
// or not in time: who wants them will meet it, and nobody else is to pay for it.
func unlessAnswered(ctx context.Context, err error) error {
	if errors.As(err, new(*pgconn.PgError)) && !lost(ctx, err) {
		return nil
	}
	return err
}

// inspectJobs finds out whether a job has one row.
func (l *layout) inspectJobs(ctx context.Context, pool *pgxpool.Pool, t tables.Tables, jobs *relation) error {
	var any bool
	if err := pool.QueryRow(ctx, findUnique, jobs.oid, t.Jobs.ID, t.Jobs.ID).Scan(&l.single, &any, &any); err != nil {
		return err
	}
	l.placed = l.placed && l.single // another row of a job would not be noticed
	if !l.single && jobs.kind != "v" && jobs.kind != "m" {
		l.warnings = append(l.warnings, named("a job may have several rows, of which one that goes on counts before one that has ended; make it one by: CREATE UNIQUE INDEX CONCURRENTLY ON {jobs} ({jobid})", t))
	}
	return nil
}

// oneRow is a statement that finds one row a job, or one for each that is asked
// for, where there may be several: one that goes on before one that has ended, and
// else the first by its state.
func (l *layout) oneRow(text string) string {
	if l.single {
		return text
	}
	list := make([]string, len(l.terminal))
	for i, state := range l.terminal {
		list[i] = "'" + strings.ReplaceAll(state, "'", "''") + "'"
	}
	order := `coalesce(j.{state}::text = ANY(ARRAY[` + strings.Join(list, ", ") + `]::text[]), false), j.{state}::text COLLATE "C"`
	if asked, ok := strings.CutPrefix(text, "SELECT a.nth"); ok {
		return "SELECT DISTINCT ON (a.nth) a.nth" + asked + " ORDER BY a.nth, j.{jobid}::text <> a.job, " + order
	}
	return strings.ReplaceAll(text, "FROM {jobs} j", "FROM (SELECT DISTINCT ON (j.{jobid}) j.* FROM {jobs} j ORDER BY j.{jobid}, "+order+") j")
}
