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
	jobs     string // (ids, owners) which of them, id, state, owner, version
	find     string // (jobs, ids) which of the rows, time
	page     map[pageKind]string
	tail     map[tailKind]string
	locks    string // (relations) a row as locks has it
	last     string // () the rows with the highest ids, as a mark has them
	marks    string // (ids) the same of these
	recent   string // (limit) jobs, ids and times of their newest rows
	newest   string // () the highest id ever given out; on a standby, the highest there can be
	behind   string // () whether the sequence is below the highest id; empty if it does not make all ids
	gaps     string // (from, to) lows and highs of ids that are not visible
	fence    string // (from, to, writers) an id below which none is a writer's; empty for views
	count    string // (jobs, to) the ids of jobs and how many rows they have
	hasJob   string // (job)
	setState string // (job, state)
	insert   string // (job, messages, severities, times in ms) id
	lastTime string // () the newest row's time
}

// tailKind says which parts a tick's statement has: a part that is not needed
// costs time to plan.
type tailKind struct{ filter, holes, places bool }

func newStatements(t tables.Tables, l *layout, sequence *string) *statements {
	ours := strings.NewReplacer("{max}", fmt.Sprint(l.max), "{budget}", fmt.Sprint(joblog.PageBytes),
		"{ms}", millisOf(l.timeType), "{from_ms}", fromMillis(l.timeType), "{sev}", "{severity}::text",
		"{size}", fmt.Sprintf("least(octet_length({message}::text), %d) + 96", l.max))
	sql := func(text string) string { // names come last: in them anything may stand
		text = l.oneRow(text)
		return named(ours.Replace(text), t, "{jobtype}", l.jobType, "{jobstype}", l.jobsType, "{statetype}", l.stateType, "{sevtype}", l.severity)
	}
	s := &statements{
		jobs:     sql(strings.Replace(jobsSQL, "{version}", l.version, 1)),
		find:     sql(findSQL),
		last:     sql(marksSQL(fmt.Sprintf("ORDER BY x.{id} DESC LIMIT %d", maxMarks))),
		recent:   sql(recentSQL),
		marks:    sql(marksSQL("WHERE {id} = ANY($1::bigint[])")),
		hasJob:   sql(`SELECT 1 FROM {jobs} WHERE {jobid} = $1::text::{jobstype}`),
		setState: sql(`UPDATE {jobs} SET {state} = ($2::text)::{statetype} WHERE {jobid} = $1::text::{jobstype}`),
		lastTime: sql(`SELECT {ms} FROM {events} x ORDER BY x.{id} DESC LIMIT 1`),
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
	for i := range 8 {
		k := pageKind{i&1 > 0, i&2 > 0, i&4 > 0}
		s.page[k] = sql(pageSQL(k, l))
	}
	for i := range 8 {
		k := tailKind{i&1 > 0, i&2 > 0, i&4 > 0}
		s.tail[k] = sql(tailSQL(k, l.placed))
	}
	s.insert = sql(`INSERT INTO {events} ({job}, {message}, {severity}, {time})
		SELECT $1::text::{jobtype}, m, s::{sevtype}, {from_ms}
		FROM unnest($2::text[], $3::text[], $4::bigint[]) WITH ORDINALITY u(m, s, ms, n) ORDER BY n RETURNING {id}::bigint`)
	return s
}

// jobsSQL is the statement that looks up jobs. An owner that is asked for is the
// column's text to the byte, whatever the column takes for equal; one that is
// NULL is any.
const jobsSQL = `SELECT a.nth, j.{jobid}::text, j.{state}::text, coalesce({owner}, ''), {version}
	FROM unnest($1::text[], $2::text[]) WITH ORDINALITY a(job, owner, nth) JOIN {jobs} j ON j.{jobid} = a.job::{jobstype}
	WHERE a.owner IS NULL OR {owner} COLLATE "C" = a.owner`

// findSQL is the statement that finds rows again, each by itself, whatever Postgres
// believes of how many they are.
const findSQL = `SELECT r.nth, r.id, NULL, true, NULL, e.ms FROM unnest($1::text[], $2::bigint[]) WITH ORDINALITY r(job, id, nth)
	CROSS JOIN LATERAL (SELECT {ms} AS ms FROM {events} x WHERE x.{id} = r.id AND x.{job} = r.job::{jobtype} LIMIT 1) e`

// recentSQL is the statement of the jobs that have the newest rows.
var recentSQL = fmt.Sprintf(`SELECT r.job::text, r.id::bigint, (SELECT {ms} FROM {events} x WHERE x.{id} = r.id LIMIT 1) FROM (
		SELECT n.job, max(n.id) AS id FROM (SELECT x.{job} AS job, x.{id} AS id FROM {events} x WHERE x.{id} > 0 ORDER BY x.{id} DESC LIMIT %d) n
		WHERE n.job IS NOT NULL GROUP BY n.job ORDER BY 2 DESC LIMIT $1) r ORDER BY r.id DESC`, joblog.RecentRows)

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

// pageKind is which end of a log a page is of, whether it is looked for in more
// than one range of ids, and whether bytes rather than rows are likely to end it.
type pageKind struct{ last, ranges, bulky bool }

// smallRow is the size of a message, in bytes, up to which it is no matter if
// some rows are sent that the page has no room for.
const smallRow = 1024

// pageSQL is the statement of a page of a log. Rows beyond the budget come
// without their content. To sum up what rows take costs as much as to read
// them, so that is done for bulky ones alone; of the others those come without
// that are large.
//
// Where there is an index by job and id, rows are asked for by both at once:
// job = $1 would let Postgres go through the index of the ids, and with it
// through the rows of all other jobs, to the end of the table if the job has no
// more rows. Only bounds of the id alone leave partitions out; they are given
// where Postgres can tell how many rows they hold, or it would do the same.
//
//	$1 job  $2, $3 low and high, or lows and highs  $4 rows
func pageSQL(k pageKind, l *layout) string {
	where, order, window := `x.{job} = {this} AND x.{id} BETWEEN {lo} AND {hi}`, `x.{id} {dir}`, `id {dir}`
	if l.byJob {
		where, order = `(x.{job}, x.{id}) >= ({this}, {lo}) AND (x.{job}, x.{id}) <= ({this}, {hi})`, `x.{job} {dir}, x.{id} {dir}`
		window = `of {dir}, at {dir}` // as they come: there is nothing to sort
		if l.parted && !k.ranges {
			where += ` AND x.{id} BETWEEN {lo} AND {hi}`
		}
	}
	source := `SELECT x.{job} AS of, x.{id} AS at, {id}::bigint AS id, {message}::text AS msg, {sev} AS sev, {ms} AS ms, {size} AS size
		FROM {events} x WHERE ` + where + ` ORDER BY ` + order + ` LIMIT $4`
	lo, hi, dir := "$2::bigint", "$3::bigint", "ASC"
	if k.ranges {
		source = `SELECT e.* FROM unnest($2::bigint[], $3::bigint[]) r(lo, hi) CROSS JOIN LATERAL (` + source + `) e ORDER BY e.id {dir} LIMIT $4`
		lo, hi, window = "r.lo", "r.hi", "id {dir}"
	}
	if k.last {
		dir = "DESC"
	}
	kept := `sum(size) OVER (ORDER BY ` + window + ` ROWS UNBOUNDED PRECEDING) <= greatest(size, {budget})`
	if !k.bulky {
		kept = fmt.Sprintf(`coalesce(octet_length(msg) <= %d, true)`, smallRow)
	}
	return strings.NewReplacer("{lo}", lo, "{hi}", hi, "{dir}", dir, "{this}", "$1::text::{jobtype}").Replace(`
		SELECT id, kept, CASE WHEN kept THEN CASE WHEN octet_length(msg) > {max} THEN left(msg, {max}) ELSE msg END END,
			coalesce(octet_length(msg) > {max}, false), sev, ms
		FROM (SELECT *, ` + kept + ` AS kept FROM (` + source + `) e) p`)
}

// digest tells a row from another one with its id. Events do not change, but an
// application may well correct a severity or a time.
const digest = `hashtextextended(concat_ws(' ', job, octet_length(msg), left(msg, 500)) COLLATE "C", 0)`

// marksSQL is the statement of some rows' marks.
func marksSQL(which string) string {
	return `SELECT id, ` + digest + ` FROM (SELECT {id}::bigint AS id, {job}::text AS job, {message}::text AS msg
		FROM {events} x ` + which + `) e ORDER BY id`
}

// tailSQL is the statement of a tick: in one snapshot the states that are asked
// for, the rows that fill holes, and the rows above the highest id seen.
//
//	$1 the highest id  $2 rows a part  $3 watched jobs  $4 jobs asked for by id  $5 terminal states
//	$6 whether those that go on are told  then lows and highs of holes, and places of jobs' rows
//
// Rows of jobs that are not watched come with an id only, and only where an
// edge of a gap, or a hole, needs it. A prefix of the rows is kept that fits the
// budget; the summary says how far it goes. Of the last ones there are marks.
// What is named here has names that no table has, and columns are asked for by
// their table: ORDER BY would take ours for them.
func tailSQL(k tailKind, placed bool) string {
	watched := "($3::text[] IS NULL)" // it needs a type, even where it is not used
	if k.filter {
		watched = "coalesce({job} = ANY($3::text[]::{jobtype}[]), false)"
	}
	columns := `{id}::bigint AS id, {job}::text AS job, {message}::text AS msg, {sev} AS sev, {ms} AS ms, {size} AS size, ` + watched + ` AS w`
	fills, places := "", "$7"
	if k.holes {
		places = "$9"
		fills = `(SELECT true AS fill, f.* FROM unnest($7::bigint[], $8::bigint[]) h(lo, hi) CROSS JOIN LATERAL (
			SELECT ` + columns + ` FROM {events} x WHERE x.{id} BETWEEN h.lo AND h.hi ORDER BY x.{id} LIMIT $2) f ORDER BY f.id LIMIT $2) UNION ALL `
	}
	return `WITH caddyjobs_rows AS MATERIALIZED (` + fills + `
		(SELECT false AS fill, ` + columns + ` FROM {events} x WHERE x.{id} > $1 ORDER BY x.{id} LIMIT $2)
	), caddyjobs_kept AS (
		SELECT *, lag(id, 1, $1) OVER (PARTITION BY fill ORDER BY id) AS prev,
			coalesce(sum(size) FILTER (WHERE w) OVER (ORDER BY id), 0) - CASE WHEN w THEN size ELSE 0 END < {budget} AS kept FROM caddyjobs_rows
	)
	SELECT 'row', id, fill, w, CASE WHEN w THEN job END,
		CASE WHEN w THEN CASE WHEN octet_length(msg) > {max} THEN left(msg, {max}) ELSE msg END END, coalesce(w AND octet_length(msg) > {max}, false),
		CASE WHEN w THEN sev END, CASE WHEN w THEN ms END, prev, 0::bigint, 0::bigint, 0::bigint
		FROM caddyjobs_kept WHERE kept AND (w OR fill OR id <> prev + 1)
	UNION ALL
	` + statesSQL(k, placed, places) + `
	UNION ALL
	SELECT 'mark', id, false, false, NULL, NULL, false, NULL, NULL, ` + digest + `, 0, 0, 0
		FROM (SELECT * FROM caddyjobs_kept WHERE kept ORDER BY id DESC LIMIT ` + fmt.Sprint(maxMarks) + `) m
	UNION ALL
	SELECT 'sum', coalesce(max(id) FILTER (WHERE kept AND NOT fill), $1), false, false, NULL, NULL, false, NULL, NULL, 0,
		count(*) FILTER (WHERE NOT kept), count(*) FILTER (WHERE fill), count(*) FILTER (WHERE NOT fill) FROM caddyjobs_kept
	ORDER BY 2`
}

// statesSQL is the part about the jobs that are asked for: those that have
// ended and, with where their rows are, those that go on; and of the rows that
// were somewhere before, how many are there, and a digest.
func statesSQL(k tailKind, placed bool, places string) string {
	at, version := "NULL", "0"
	if placed {
		at, version = "j.ctid::text", `hashtextextended(j.{jobid}::text COLLATE "C", hashtextextended(coalesce(j.{state}::text, '') COLLATE "C", 0))`
	}
	text := `SELECT 'state', 0, false, coalesce(j.{state}::text = ANY($5::text[]), false), j.{jobid}::text, j.{state}::text, false, ` + at + `, NULL, ` + version + `, 0, 0, 0
		FROM {jobs} j WHERE j.{jobid} = ANY($4::text[]::{jobstype}[]) AND ($6 OR j.{state}::text = ANY($5::text[]))`
	if k.places {
		text += fmt.Sprintf(` UNION ALL SELECT 'part', g, false, false, NULL, NULL, false, NULL, NULL, x.digest, x.rows, 0, 0
			FROM generate_series(1, cardinality(%s::tid[]), %d) g CROSS JOIN LATERAL (
				SELECT count(*) AS rows, coalesce(bit_xor(%s), 0) AS digest FROM {jobs} j WHERE j.ctid = ANY((%[1]s::tid[])[g:g+%[4]d])) x`,
			places, placesPart, version, placesPart-1)
	}
	return text
}

// millisOf is the time as an event has it: integers as they are, timestamps in
// milliseconds. What no integer can be, such as infinity, is none: one such row
// must not end a statement about all jobs.
func millisOf(typ string) string {
	switch typ {
	case "timestamptz", "timestamp":
		return "CASE WHEN isfinite({time}) THEN round(extract(epoch FROM {time}) * 1000)::bigint END"
	case "numeric", "float8":
		return "CASE WHEN {time} BETWEEN -9e18 AND 9e18 THEN {time}::bigint END" // NaN is above all
	default:
		return "{time}::bigint"
	}
}

// fromMillis is a time in milliseconds as the column has it.
func fromMillis(typ string) string {
	switch typ {
	case "timestamptz":
		return "to_timestamp(ms / 1000.0)"
	case "timestamp":
		return "to_timestamp(ms / 1000.0) AT TIME ZONE 'UTC'"
	default:
		return "ms::" + typ
	}
}

// isText reports whether Postgres can hold a text.
func isText(s string) bool { return utf8.ValidString(s) && !strings.ContainsRune(s, 0) }
