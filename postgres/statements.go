package postgres

import (
	"fmt"
	"math"
	"strings"
	"unicode/utf8"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

// statements are the SQL for a database. Ids of jobs go in as arrays of text
// and are cast to the column's type, so that its index is used; they come out
// as text.
type statements struct {
	jobs      string // (ids, owners) which of them, id, state, owner, version
	stateless string // the same without a state
	find      string // (jobs, ids) which of the rows, time
	page      map[pageKind]string
	within    map[bool]string // by whether the newest are wanted: (from, to, rows) ids
	rows      string          // (ids, jobs) which of the ids, and the rows of the jobs
	whose     string          // (id, jobs) the job of a row, if it is one of them
	tail      map[tailKind]string
	bare      string // (the highest id, rows a part, lows and highs of holes) whether it fills a hole, id
	states    string // (jobs, terminal states) the jobs that have ended, and their states
	locks     string // (relations) a row as locks has it
	last      string // () the highest ids
	marks     string // (ids, which of them wholly) marks
	recent    string // (limit) jobs, ids and times of their newest rows
	newestOf  string // (ids) jobs and the highest of their ids
	timesOf   string // (ids) ids and times
	newest    string // () the highest id ever given out; on a standby, the highest there can be
	behind    string // () whether the sequence is below the highest id; empty if it does not make all ids
	gaps      string // (from, to) lows and highs of ids that are not visible
	fence     string // (from, to, writers) an id below which none is a writer's; empty for views
	count     string // (jobs, to) the ids of jobs and how many rows they have
	hasJob    string // (job)
	setState  string // (job, state)
	insert    string // (job, messages, severities, times in ms, units in a ms) id
	lastTime  string // () the newest row's time as a number
}

func newStatements(t tables.Tables, l *layout, sequence *string) *statements {
	fixed := l.fixed()
	sql := func(text string) string { // names come last: in them anything may stand
		text = l.oneRow(text)
		return named(fixed.Replace(text), t, "{jobtype}", l.jobType, "{jobstype}", l.jobsType, "{statetype}", l.stateType, "{sevtype}", l.severity)
	}
	s := &statements{
		jobs:      sql(l.jobsSQL("left(j.{state}::text, {word})")),
		find:      sql(findSQL),
		stateless: sql(strings.Replace(l.jobsSQL("NULL::text"), "SELECT", "SELECT DISTINCT ON (a.nth)", 1)),
		within:    map[bool]string{false: sql(fmt.Sprintf(withinSQL, "ASC")), true: sql(fmt.Sprintf(withinSQL, "DESC"))},
		rows:      sql(rowsSQL),
		whose:     sql(`SELECT x.{job}::text FROM {events} x WHERE x.{id} = $1::bigint AND x.{job} = ANY($2::text[]::{jobtype}[])`),
		bare:      sql(bareSQL),
		states: sql(`SELECT j.{jobid}::text, left(j.{state}::text, {word}) FROM {jobs} j
			WHERE j.{jobid} = ANY($1::text[]::{jobstype}[]) AND j.{state}::text = ANY($2::text[])`),
		last:     sql(fmt.Sprintf(`SELECT x.{id}::bigint FROM {events} x WHERE x.{id} > 0 ORDER BY x.{id} DESC LIMIT %d`, maxMarks)),
		marks:    sql(marksSQL(l)),
		recent:   sql(recentSQL),
		newestOf: sql(`SELECT x.{job}::text, max(x.{id})::bigint FROM {events} x WHERE x.{id} = ANY($1::bigint[]) AND octet_length(x.{job}::text) <= {longest} GROUP BY 1`),
		timesOf:  sql(`SELECT x.{id}::bigint, {ms} FROM {events} x WHERE x.{id} = ANY($1::bigint[])`),
		hasJob:   sql(`SELECT 1 FROM {jobs} WHERE {jobid} = $1::text::{jobstype}`),
		setState: sql(`UPDATE {jobs} SET {state} = ($2::text)::{statetype} WHERE {jobid} = $1::text::{jobstype}`),
		lastTime: sql(`SELECT ` + l.clock.number() + ` FROM {events} x WHERE x.{id} > 0 ORDER BY x.{id} DESC LIMIT 1`),
		gaps: sql(`SELECT prev + 1, id - 1 FROM (SELECT {id}::bigint AS id, lag({id}::bigint, 1, $1::bigint) OVER (ORDER BY {id}) AS prev
			FROM {events} WHERE {id} > $1 AND {id} <= $2) g WHERE id > prev + 1 ORDER BY 1`),
		count: sql(`SELECT {job}::text, count(*) FROM {events} WHERE {job} = ANY($1::text[]::{jobtype}[]) AND {id} <= $2 GROUP BY 1`),
		page:  map[pageKind]string{},
		tail:  map[tailKind]string{},
	}
	if l.heap {
		s.fence = sql(fenceSQL)
	}
	highest := sql("(SELECT max({id})::bigint FROM {events})")
	newest := highest
	if sequence != nil {
		newest = "(SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM " + *sequence + ")"
		s.behind = fmt.Sprintf(`SELECT NOT pg_is_in_recovery() AND coalesce(%s > %s, false)`, highest, newest)
	}
	s.newest = fmt.Sprintf(`SELECT CASE WHEN pg_is_in_recovery() THEN %d ELSE greatest(%s, %s, 0) END::bigint`, math.MaxInt64, newest, highest)
	s.locks = locksSQL(t, newest, l.blind)
	for _, k := range pageKinds() {
		s.page[k] = sql(pageSQL(k, l))
	}
	for i := range 8 {
		k := tailKind{i&1 > 0, i&2 > 0, i&4 > 0}
		s.tail[k] = sql(tailSQL(k, l))
	}
	message := "m"
	if l.bytes {
		message = "convert_to(m, 'UTF8')"
	}
	s.insert = sql(`INSERT INTO {events} ({job}, {message}, {severity}, {time})
		SELECT $1::text::{jobtype}, ` + message + `, s::{sevtype}, {written}
		FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY u(m, s, ms, n) ORDER BY n RETURNING {id}::bigint`)
	return s
}

// jobsSQL is the statement that looks up jobs, with a state. An owner that is
// asked for is the column's text to the byte, whatever the column takes for equal;
// one that is NULL is any.
func (l *layout) jobsSQL(state string) string {
	return `SELECT a.nth, j.{jobid}::text, ` + state + `, coalesce(a.owner, {own}, ''), ` + l.version + `
	FROM unnest($1::text[], $2::text[]) WITH ORDINALITY a(job, owner, nth) JOIN {jobs} j ON j.{jobid} = a.job::{jobstype}
	WHERE a.owner IS NULL OR {owner} COLLATE "C" = a.owner`
}

// findSQL is the statement that finds rows again, each by itself, whatever Postgres
// believes of how many they are.
const findSQL = `SELECT r.nth, r.id, NULL, true, NULL, e.ms FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY r(job, id, nth)
	CROSS JOIN LATERAL (SELECT {ms} AS ms FROM {events} x WHERE x.{id} = r.id AND x.{job} = r.job::{jobtype} LIMIT 1) e`

// recentSQL is the statement of the jobs that have the newest rows.
var recentSQL = fmt.Sprintf(`SELECT r.job, r.id::bigint, (SELECT {ms} FROM {events} x WHERE x.{id} = r.id LIMIT 1) FROM (
		SELECT n.job::text AS job, max(n.id) AS id FROM (SELECT x.{job} AS job, x.{id} AS id FROM {events} x WHERE x.{id} > 0 ORDER BY x.{id} DESC LIMIT %d) n
		WHERE octet_length(n.job::text) <= {longest} GROUP BY n.job ORDER BY 2 DESC LIMIT $1) r ORDER BY r.id DESC`, joblog.RecentRows)

// fenceSQL is the statement of an id below which none is a writer's, as far as
// it can tell. A transaction that is older than the writers by far may have been
// open beside them, and have rows above theirs; but only so many are open at
// once. Where more of them than that have rows from an id on, some had ended
// before the writers began. A writer that has no transaction's id yet may be
// older than it looks.
//
//	$1, $2 from and to  $3 the writers
var fenceSQL = fmt.Sprintf(`WITH caddyjobs_writers AS (
		SELECT coalesce(max(age(transactionid)), 0) AS age, count(DISTINCT virtualtransaction) = cardinality($3::text[]) AS known FROM pg_locks
		WHERE locktype = 'transactionid' AND mode = 'ExclusiveLock' AND granted AND virtualtransaction = ANY($3::text[]))
	SELECT coalesce((SELECT max(id) FROM (SELECT {id}::bigint AS id, xmin AS x FROM {events} WHERE {id} > $1 AND {id} <= $2) e, caddyjobs_writers w
		WHERE w.known AND age(x) > w.age + %d GROUP BY x ORDER BY 1 DESC
		OFFSET current_setting('max_connections')::int + current_setting('max_prepared_transactions')::int LIMIT 1), $1)::bigint`, startOlder)

// locksSQL is the second statement of a tick, about the server and about the
// writers: transactions that hold RowExclusiveLock on the table, a partition of
// it or a table below the view.
//
//	$1 the table's and the view's tables' oids
func locksSQL(t tables.Tables, newest string, blind bool) string {
	events, _ := identifier(t.Events.Table) // Validate has checked it
	writers := `ARRAY(SELECT DISTINCT virtualtransaction FROM pg_locks WHERE locktype = 'relation' AND granted AND mode = 'RowExclusiveLock'
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND relation IN (SELECT oid FROM caddyjobs_heirs))`
	if blind {
		writers = `'{}'::text[]`
	}
	return `WITH RECURSIVE caddyjobs_heirs(oid) AS (SELECT unnest($1::oid[]) UNION SELECT i.inhrelid FROM pg_inherits i JOIN caddyjobs_heirs r ON i.inhparent = r.oid)
		SELECT pg_postmaster_start_time()::text || pg_is_in_recovery(), pg_backend_pid(), to_regclass('` + strings.ReplaceAll(events, "'", "''") + `')::oid,
		(SELECT string_agg(oid || ':' || coalesce(pg_relation_filenode(oid), 0) || CASE WHEN oid = ANY($1::oid[]) THEN 'r' ELSE '' END, ' ' ORDER BY oid) FROM caddyjobs_heirs), pg_is_in_recovery(),
		CASE WHEN pg_is_in_recovery() THEN pg_last_xact_replay_timestamp() ELSE clock_timestamp() END, ` + newest + `,
		pg_snapshot_xmin(pg_current_snapshot())::text::bigint, pg_snapshot_xmax(pg_current_snapshot())::text::bigint, ` + writers
}

// isText reports whether Postgres can hold a text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
