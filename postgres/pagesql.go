package postgres

import (
	"fmt"
	"strings"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// pageKind is which end of a log a page is of, whether it is looked for in more
// than one range of ids, whether bytes rather than rows are likely to end it, and
// whether rows are left out by their severity. A bare one has nothing but ids.
type pageKind struct{ last, ranges, bulky, ranked, bare bool }

func pageKinds() (kinds []pageKind) {
	for i := range 32 {
		kinds = append(kinds, pageKind{i&1 > 0, i&2 > 0, i&4 > 0, i&8 > 0, i&16 > 0})
	}
	return kinds
}

const (
	// smallRow is the size of a message, in bytes, up to which it is no matter if
	// some rows are sent that the page has no room for.
	smallRow = 1024
	// passRows is how many rows of one log a page looks at, at most, to find some
	// that are wanted.
	passRows = 20_000
)

// pageSQL is the statement of a page of a log. Rows beyond the budget come
// without their content. To sum up what rows take costs as much as to read
// them, so that is done for bulky ones alone; of the others those come without
// that are large.
//
//	$1 job  $2, $3 low and high, or lows and highs  $4 rows  $5, $6 words, and whether rows have one of them
func pageSQL(k pageKind, l *layout) string {
	dir, window := "ASC", "id {dir}"
	if l.byJob && !k.ranges {
		window = "of {dir}, at {dir}" // as they come: there is nothing to sort
	}
	if k.last {
		dir = "DESC"
	}
	text := k.source(l)
	switch {
	case k.bare:
		text = `SELECT id FROM (` + text + `) e ORDER BY id {dir} LIMIT $4`
	case k.ranked:
		text = fitted(k.fits(window), fmt.Sprintf(`SELECT * FROM (SELECT *, coalesce(lower(sev COLLATE "C") = ANY($5::text[]), false) = $6::bool AS wanted,
			row_number() OVER (ORDER BY %s) = %d AS edge FROM (%s) s) w WHERE wanted OR edge ORDER BY %[1]s LIMIT $4`, window, passRows, text))
	default:
		text = fitted(k.fits(window), `SELECT *, true AS wanted, false AS edge FROM (`+text+`) s ORDER BY `+window+` LIMIT $4`)
	}
	return strings.NewReplacer("{dir}", dir, "{this}", "$1::text::{jobtype}").Replace(text)
}

// fits is whether there is room for the content of a row.
func (k pageKind) fits(window string) string {
	if k.bulky {
		return `sum(size) OVER (ORDER BY ` + window + ` ROWS UNBOUNDED PRECEDING) <= greatest(size, {budget})`
	}
	return fmt.Sprintf(`coalesce(octet_length(msg) <= %d, true)`, smallRow)
}

// fitted is a statement of rows with the content of those that fit.
func fitted(fits, rows string) string {
	return `SELECT id, wanted, edge, kept, CASE WHEN kept THEN msg END, long, left(sev, {word}), ms FROM (
		SELECT id, wanted, edge, kept, sev, ms, {cut} FROM (SELECT *, ` + fits + ` AS kept FROM (
		SELECT *, {size} AS size FROM (` + rows + `) r) e) p) c(id, wanted, edge, kept, sev, ms, msg, long)`
}

// source is the rows of a page, in their order.
//
// Where there is an index by job and id, rows come in its order. Else they are to
// be sorted: of an index of the ids Postgres would think that it soon finds some
// rows of the job, and go through the rows of all others, to the end of the table
// if the job has no more. So it is told of no less than a page.
func (k pageKind) source(l *layout) string {
	where, order, limit := `x.{job} = {this}`, `x.{id} {dir}`, "$4"
	switch {
	case l.byJob:
		where, order = `x.{job} = ANY(ARRAY[{this}])`, `x.{job} {dir}, x.{id} {dir}`
	case k.ranges && l.byID: // they are narrow
		where = `x.{job} IS NOT DISTINCT FROM {this}`
	case l.indexed && !k.ranges:
		limit = fmt.Sprintf("greatest($4::bigint, %d)", joblog.PageRows+1)
	}
	switch {
	case k.ranked && k.ranges:
		limit = fmt.Sprint(joblog.PageRows) // they are no wider
	case k.ranked:
		limit = fmt.Sprint(passRows)
	}
	columns := `x.{job} AS of, x.{id} AS at, x.{id}::bigint AS id`
	if !k.bare {
		columns += `, {msg} AS msg, {sev} AS sev, {ms} AS ms`
	}
	rows := `SELECT ` + columns + ` FROM {events} x WHERE ` + where + ` AND x.{id} BETWEEN {lo} AND {hi} ORDER BY ` + order + ` LIMIT ` + limit
	if k.ranges {
		rows = `SELECT e.* FROM unnest($2::bigint[], $3::bigint[]) r(lo, hi) CROSS JOIN LATERAL (` + rows + `) e`
		return strings.NewReplacer("{lo}", "r.lo", "{hi}", "r.hi").Replace(rows)
	}
	return strings.NewReplacer("{lo}", "$2::bigint", "{hi}", "$3::bigint").Replace(rows)
}

// withinSQL is the statement of the ids in a range, whoever's they are.
//
//	$1, $2 low and high  $3 rows
const withinSQL = `SELECT x.{id}::bigint FROM {events} x WHERE x.{id} BETWEEN $1::bigint AND $2::bigint ORDER BY x.{id} %s LIMIT $3`

// rowsSQL is the statement of the rows of some jobs that have certain ids, in the
// order of these.
//
//	$1 ids  $2 jobs
const rowsSQL = `SELECT nth, job, id, kept, CASE WHEN kept THEN msg END, long, left(sev, {word}), ms FROM (
	SELECT nth, job, id, kept, sev, ms, {cut} FROM (SELECT *, sum(size) OVER (ORDER BY nth ROWS UNBOUNDED PRECEDING) <= greatest(size, {budget}) AS kept FROM (
	SELECT *, {size} AS size FROM (
	SELECT a.nth, x.{id}::bigint AS id, x.{job}::text AS job, {msg} AS msg, {sev} AS sev, {ms} AS ms
		FROM unnest($1::bigint[]) WITH ORDINALITY a(id, nth) JOIN {events} x ON x.{id} = a.id
		WHERE x.{job} = ANY($2::text[]::{jobtype}[])) r) e) p) c(nth, job, id, kept, sev, ms, msg, long) ORDER BY nth`
