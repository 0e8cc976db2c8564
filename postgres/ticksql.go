package postgres

import (
	"fmt"
	"strings"
)

// tailKind says which parts a tick's statement has: a part that is not needed
// costs time to plan.
type tailKind struct{ filter, holes, places bool }

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
func tailSQL(k tailKind, l *layout) string {
	places, fills := "$7", ""
	if k.holes {
		places = "$9"
		fills = `(SELECT true AS fill, f.* FROM unnest($7::bigint[], $8::bigint[]) h(lo, hi) CROSS JOIN LATERAL (
			SELECT {columns} FROM {events} x WHERE x.{id} BETWEEN h.lo AND h.hi ORDER BY x.{id} LIMIT $2) f ORDER BY f.id LIMIT $2) UNION ALL `
	}
	return strings.NewReplacer("{columns}", tailColumns(k, l), "{digest}", digestOf("w", l)).Replace(`WITH caddyjobs_rows AS MATERIALIZED (`+fills+`
		(SELECT false AS fill, {columns} FROM {events} x WHERE x.{id} > $1 ORDER BY x.{id} LIMIT $2)
	), caddyjobs_kept AS (
		SELECT *, lag(id, 1, $1) OVER (PARTITION BY fill ORDER BY id) AS prev,
			coalesce(sum(size) FILTER (WHERE w) OVER (ORDER BY id), 0) - CASE WHEN w THEN size ELSE 0 END < {budget} AS kept
			FROM (SELECT *, {size} AS size FROM caddyjobs_rows) s
	)
	SELECT 'row', id, fill, w, CASE WHEN w THEN job END, CASE WHEN w THEN msg END, w AND long, CASE WHEN w THEN left(sev, {word}) END,
		CASE WHEN w THEN ms END, prev, 0::bigint, 0::bigint, 0::bigint
		FROM (SELECT id, fill, w, job, sev, ms, prev, {cut} FROM caddyjobs_kept WHERE kept AND (w OR fill OR id <> prev + 1)) c(id, fill, w, job, sev, ms, prev, msg, long)
	UNION ALL
	`) + statesSQL(k, l.placed, places) + strings.Replace(`
	UNION ALL
	SELECT 'mark', id, false, w, NULL, NULL, false, NULL, NULL, {digest}, 0, 0, 0
		FROM (SELECT * FROM caddyjobs_kept WHERE kept ORDER BY id DESC LIMIT `+fmt.Sprint(maxMarks)+`) m
	UNION ALL
	SELECT 'sum', coalesce(max(id) FILTER (WHERE kept AND NOT fill), $1), false, false, NULL, NULL, false, NULL, NULL, 0,
		count(*) FILTER (WHERE NOT kept), count(*) FILTER (WHERE fill), count(*) FILTER (WHERE NOT fill) FROM caddyjobs_kept
	ORDER BY 2`, "{digest}", digestOf("w", l), 1)
}

// tailColumns are the columns of a tick's rows. What a view works out, it works
// out for rows of watched jobs only: of others nothing is to fail.
func tailColumns(k tailKind, l *layout) string {
	watched := "($3::text[] IS NULL)" // it needs a type, even where it is not used
	if k.filter {
		watched = "coalesce(x.{job} = ANY($3::text[]::{jobtype}[]), false)"
	}
	column := func(text, name string) string {
		if !l.stored {
			text = "CASE WHEN " + watched + " THEN " + text + " END"
		}
		return text + " AS " + name + ", "
	}
	return `x.{id}::bigint AS id, x.{job}::text AS job, ` + column("{msg}", "msg") + column("{sev}", "sev") + column("{ms}", "ms") + watched + ` AS w`
}

// digestOf is a digest of a row, which tells it from another one with its id.
// Events do not change, but an application may well correct a severity or a time.
// Of messages that a view works out only those count for which it must.
func digestOf(whole string, l *layout) string {
	if l.stored {
		return "{whole}"
	}
	return "CASE WHEN " + whole + " THEN {whole} ELSE {brief} END"
}

// marksSQL is the statement of some rows' marks.
//
//	$1 ids  $2 those whose rows were watched
func marksSQL(l *layout) string {
	const whole = "x.{id} = ANY($2::bigint[])"
	msg := "{msg}"
	if !l.stored {
		msg = "CASE WHEN " + whole + " THEN {msg} END"
	}
	return `SELECT id, ` + digestOf("w", l) + ` FROM (SELECT x.{id}::bigint AS id, x.{job}::text AS job, ` + msg + ` AS msg, ` + whole + ` AS w
		FROM {events} x WHERE x.{id} = ANY($1::bigint[])) e ORDER BY id`
}

// bareSQL is what a tick's statement finds of rows whatever is in them.
const bareSQL = `SELECT fill, id FROM ((SELECT true AS fill, f.id FROM unnest($3::bigint[], $4::bigint[]) h(lo, hi) CROSS JOIN LATERAL (
		SELECT x.{id}::bigint AS id FROM {events} x WHERE x.{id} BETWEEN h.lo AND h.hi ORDER BY x.{id} LIMIT $2) f ORDER BY f.id LIMIT $2)
	UNION ALL (SELECT false, x.{id}::bigint FROM {events} x WHERE x.{id} > $1::bigint ORDER BY x.{id} LIMIT $2)) r ORDER BY fill DESC, id`

// statesSQL is the part about the jobs that are asked for: those that have
// ended and, with where their rows are, those that go on; and of the rows that
// were somewhere before, how many are there, and a digest.
func statesSQL(k tailKind, placed bool, places string) string {
	at, version := "NULL", "0"
	if placed {
		at, version = "j.ctid::text", `hashtextextended(j.{jobid}::text COLLATE "C", hashtextextended(coalesce(j.{state}::text, '') COLLATE "C", 0))`
	}
	const ended = "j.{state}::text = ANY($5::text[])"
	text := `SELECT 'state', 0, false, coalesce(` + ended + `, false), j.{jobid}::text, NULL, false,
		CASE WHEN ` + ended + ` THEN left(j.{state}::text, {word}) ELSE ` + at + ` END, NULL, ` + version + `, 0, 0, 0
		FROM {jobs} j WHERE j.{jobid} = ANY($4::text[]::{jobstype}[]) AND ($6 OR ` + ended + `)`
	if k.places {
		text += fmt.Sprintf(` UNION ALL SELECT 'part', g, false, false, NULL, NULL, false, NULL, NULL, x.digest, x.rows, 0, 0
			FROM generate_series(1, cardinality(%s::tid[]), %d) g CROSS JOIN LATERAL (
				SELECT count(*) AS rows, coalesce(bit_xor(%s), 0) AS digest FROM {jobs} j WHERE j.ctid = ANY((%[1]s::tid[])[g:g+%[4]d])) x`,
			places, placesPart, version, placesPart-1)
	}
	return text
}
