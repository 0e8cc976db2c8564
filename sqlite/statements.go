package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

// statements are the SQL for a database.
//
// Ids of jobs go in as text, whatever the column's type: SQLite compares a
// value that has no type of its own as the column's, by index. They come out
// as text, too.
type statements struct {
	jobs                        string // (list of pairs of id and owner) which of them, id, state, owner, whether there are several, version
	find                        string // (list of pairs of job and id) columns of a row, which of them
	states                      string // (list of ids, list of states) asked, state: of those in one of the states
	top                         string // (id) the highest id ever, and the mark of the row with this id
	mark                        string // (id) what tells the row from one that is given its id later
	recent                      string // (limit) jobs, ids and times of their newest rows
	ahead                       string // (id, rows) the id so many rows above
	tail                        string // (low, high, list of jobs, limit) id, columns of a row, job
	touched                     string // (low, high) the jobs of these rows
	whose                       string // (id) the job of a row
	mine                        string // (job, limit) how many rows it has
	hasJob                      string // (job)
	addJob                      string // (job, time), unless it is there; our tables only
	setState                    string // (job, state)
	putState                    string // (job, state, time), job is made if unknown; our tables only
	insert                      string // (job, message, severity, time)
	lastTime                    string // () the newest row's time
	startMessage, startSeverity string // (id) the first bytes of it
	dropRows                    string // (job)
	dropJob                     string // (job)

	up, down pageStatements // the oldest rows first, or the newest
}

// pageStatements read a job's rows in the order of their ids. What they have in
// common is (job, low, high, limit), and the filter's.
type pageStatements struct {
	ranged   string // id, columns of a row, without a filter
	filtered string // id, columns of a row
	beyond   string // (job, low, high, limit) of what is looked at, by whatever filter: how many, and the first and last id
	ids      string // ids of those that pass, by an index of jobs that is not in the order of ids
	listed   string // (job, list of ids) id, columns of a row
}

const (
	// How long ids of jobs, owners and times that are texts can be, in bytes:
	// longer ones are nobody's, or none.
	longestJob   = 1024
	longestOwner = 16 << 10
	longestTime  = 64
)

func newStatements(t tables.Tables, maxMessage int, l *layout) *statements {
	owner := "NULL"
	if t.Jobs.Owner != "" {
		owner = fmt.Sprintf("CASE WHEN octet_length(j.{owner}) <= %d THEN CAST(j.{owner} AS TEXT) END", longestOwner)
	}
	state := fmt.Sprintf("CASE WHEN octet_length(j.{state}) <= %d THEN CAST(j.{state} AS TEXT) END", joblog.WordBytes)
	anyState := fmt.Sprintf("coalesce(%s, substr(CAST(j.{state} AS TEXT), 1, %d))", state, joblog.WordBytes)
	several := "0" // whatever the owners are: they would share a log
	if !l.oneRow {
		several = "(SELECT count(*) FROM (SELECT 1 FROM {jobs} k WHERE k.{jobid} = a.value ->> 0 LIMIT 2)) > 1"
	}
	row := "{id}, " + bounded("{message}", maxMessage, l.utf8) + ", " + bounded("{severity}", joblog.WordBytes, l.utf8) + ", " + timeColumn
	whole := "" // ids are, unless the column may have others, which are nobody's
	if !l.rowid {
		whole = " AND typeof({id}) = 'integer'"
	}
	top := "coalesce((SELECT {id} FROM {events} WHERE {id} < 9223372036854775807" + whole + " ORDER BY {id} DESC LIMIT 1), 0)"
	if l.auto != "" {
		// The row may be gone; its id is not given out again.
		top = "max(" + top + ", coalesce((SELECT seq FROM sqlite_sequence WHERE name = {sequence} COLLATE NOCASE), 0))"
	}
	mark := fmt.Sprintf("SELECT quote(substr({job}, 1, %d)) || quote(substr({time}, 1, %d)) FROM {events} WHERE {id} = ?", longestJob, longestTime)
	s := &statements{
		// BINARY, since the column may take upper case and lower for equal.
		jobs: `SELECT a.key, CAST(j.{jobid} AS TEXT), ` + anyState + `, ` + owner + `, ` + several + `, {version}
			FROM json_each(?) a CROSS JOIN {jobs} j ON j.{jobid} = a.value ->> 0
			WHERE a.value ->> 1 IS NULL OR ` + owner + ` COLLATE BINARY = a.value ->> 1`,
		find: `WITH caddyjobs_rows(id, job, message, at) AS (SELECT {id}, {job}, ` + bounded("{message}", findMessage, l.utf8) + `, ` + timeColumn + ` FROM {events})
			SELECT e.id, e.message, NULL, e.at, a.key FROM json_each(?) a CROSS JOIN caddyjobs_rows e
			ON e.id = a.value ->> 1 AND e.job = a.value ->> 0`,
		states: `SELECT a.value, ` + state + ` FROM json_each(?) a CROSS JOIN {jobs} j ON j.{jobid} = a.value
			WHERE ` + state + ` IN (SELECT value FROM json_each(?))`,
		top:  `SELECT ` + top + `, (` + mark + `)`,
		mark: mark,
		recent: fmt.Sprintf(`SELECT CAST(r.job AS TEXT), r.id, (SELECT `+timeColumn+` FROM {events} WHERE {id} = r.id LIMIT 1) FROM
			(SELECT job, max(id) AS id FROM (SELECT CASE WHEN octet_length({job}) <= %d THEN {job} END AS job, {id} AS id
				FROM {events} WHERE {id} > 0`+whole+` ORDER BY {events}.{id} DESC LIMIT %d) newest
			WHERE job IS NOT NULL GROUP BY job ORDER BY max(id) DESC LIMIT ?) r ORDER BY r.id DESC`, longestJob, joblog.RecentRows),
		ahead: `SELECT max({id}) FROM (SELECT {id} FROM {events} WHERE {id} > ?` + whole + ` ORDER BY {id} LIMIT ?)`,
		// IS TRUE keeps SQLite from going through the index of jobs: what is
		// new is little, what the watched jobs have is not.
		tail: `SELECT ` + row + `, CAST({job} AS TEXT) FROM {events} WHERE {id} > ? AND {id} <= ?` + whole + `
			AND ({job} IN (SELECT value FROM json_each(?))) IS TRUE ORDER BY {id} LIMIT ?`,
		touched: fmt.Sprintf(`SELECT DISTINCT CASE WHEN octet_length({job}) <= %d THEN CAST({job} AS TEXT) END
			FROM {events} WHERE {id} > ? AND {id} <= ?`+whole, longestJob),
		whose:    fmt.Sprintf(`SELECT CASE WHEN octet_length({job}) <= %d THEN CAST({job} AS TEXT) END FROM {events} WHERE {id} = ?`, longestJob),
		mine:     `SELECT count(*) FROM (SELECT 1 FROM {events} WHERE {job} = ? LIMIT ?)`,
		hasJob:   `SELECT 1 FROM {jobs} WHERE {jobid} = ?`,
		addJob:   `INSERT INTO {jobs} ({jobid}, {created}, {updated}) VALUES (?1, ?2, ?2) ON CONFLICT ({jobid}) DO NOTHING`,
		setState: `UPDATE {jobs} SET {state} = ?2 WHERE {jobid} = ?1`,
		putState: `INSERT INTO {jobs} ({jobid}, {state}, {created}, {updated}) VALUES (?1, ?2, ?3, ?3)
			ON CONFLICT ({jobid}) DO UPDATE SET {state} = ?2, {updated} = ?3`,
		insert:        `INSERT INTO {events} ({job}, {message}, {severity}, {time}) VALUES (?, ?, ?, ?)`,
		lastTime:      `SELECT ` + timeColumn + ` FROM {events} ORDER BY {id} DESC LIMIT 1`,
		startMessage:  beginning("{message}", maxMessage),
		startSeverity: beginning("{severity}", joblog.WordBytes),
		dropRows:      `DELETE FROM {events} WHERE {job} = ?`,
		dropJob:       `DELETE FROM {jobs} WHERE {jobid} = ?`,
		up:            newPageStatements(row, whole, "", l),
		down:          newPageStatements(row, whole, " DESC", l),
	}
	for _, q := range s.all() {
		*q = named(*q, t, "{sequence}", `'`+strings.ReplaceAll(l.auto, `'`, `''`)+`'`, "{by}", tables.Quote(l.index), "{version}", l.version)
	}
	return s
}

// all are the statements.
func (s *statements) all() map[string]*string {
	return map[string]*string{
		"jobs": &s.jobs, "find": &s.find, "states": &s.states, "top": &s.top, "mark": &s.mark, "recent": &s.recent, "ahead": &s.ahead, "tail": &s.tail,
		"touched": &s.touched, "whose": &s.whose, "mine": &s.mine, "hasJob": &s.hasJob, "addJob": &s.addJob, "setState": &s.setState,
		"putState": &s.putState, "insert": &s.insert, "lastTime": &s.lastTime, "startMessage": &s.startMessage, "startSeverity": &s.startSeverity,
		"dropRows": &s.dropRows, "dropJob": &s.dropJob,
		"up.ranged": &s.up.ranged, "up.filtered": &s.up.filtered, "up.beyond": &s.up.beyond, "up.ids": &s.up.ids, "up.listed": &s.up.listed,
		"down.ranged": &s.down.ranged, "down.filtered": &s.down.filtered, "down.beyond": &s.down.beyond, "down.ids": &s.down.ids, "down.listed": &s.down.listed,
	}
}

// newPageStatements make the statements for one order. Those in the order of
// ids are kept from indexes that are not: these have SQLite look at all that a
// job has, and sort it, for each page.
func newPageStatements(row, whole, order string, l *layout) pageStatements {
	from, one, looked := "{events}", "({job} = ?1) IS TRUE", "?1 IS ?1"
	if l.path == byJobAndID {
		one, looked = "{job} = ?1", "{job} = ?1"
	}
	if l.index != "" {
		from = "{events} INDEXED BY {by}"
	}
	end := whole + " ORDER BY {id}" + order + " LIMIT ?4"
	s := pageStatements{
		ranged:   "SELECT " + row + " FROM " + from + " WHERE " + one + " AND {id} BETWEEN ?2 AND ?3" + end,
		filtered: "SELECT " + row + " FROM " + from + " WHERE " + one + " AND {id} BETWEEN ?2 AND ?3" + filter + end,
		beyond: "SELECT count(*), coalesce(min(id), 0), coalesce(max(id), 0) FROM (SELECT {id} AS id FROM " + from +
			" WHERE " + looked + " AND {id} BETWEEN ?2 AND ?3" + end + ")",
		listed: "SELECT " + row + " FROM {events} WHERE {id} IN (SELECT value FROM json_each(?2)) AND ({job} = ?1) IS TRUE" + whole + " ORDER BY {id}" + order,
	}
	if l.path == byJob {
		s.ids = "SELECT {id} FROM {events} WHERE {job} = ?1 AND +{id} BETWEEN ?2 AND ?3" + filter + whole + " ORDER BY +{id}" + order + " LIMIT ?4"
	}
	return s
}

// filter leaves out rows that do not pass one; of which that is not certain, they
// stay. Words are looked up in a list (?5, NULL for all) of those that are wanted,
// or if ?6 is 0 of those that are not, and times begin with ?7 (NULL for all).
const filter = ` AND (?5 IS NULL OR typeof({severity}) = 'blob' OR
		coalesce(CASE WHEN octet_length({severity}) <= 32 THEN {severity} COLLATE NOCASE IN (SELECT value FROM json_each(?5)) END, 0) = ?6)
	AND (?7 IS NULL OR CASE typeof({time}) WHEN 'null' THEN 0 WHEN 'integer' THEN {time} >= 100000000000000
		OR {time} >= ?7 OR {time} < 100000000000 AND {time} * 1000 >= ?7 ELSE 1 END)`

// timeColumn is the time, if it can be one.
var timeColumn = fmt.Sprintf("CASE WHEN typeof({time}) = 'integer' OR octet_length({time}) <= %d THEN {time} END", longestTime)

// bounded is a text, or its length if it has more than max bytes: to take a part
// of it would load it whole, and its length alone does not. Where the database's
// text is not UTF-8 it is cut a character behind that, and the rest later.
func bounded(text string, max int, utf8 bool) string {
	if !utf8 {
		return fmt.Sprintf("substr(CAST(%s AS TEXT), 1, %d)", text, max+1)
	}
	return fmt.Sprintf("CASE WHEN octet_length(%[1]s) <= %[2]d THEN CAST(%[1]s AS TEXT) ELSE octet_length(%[1]s) END", text, max)
}

// beginning reads the first bytes of a row's text.
func beginning(text string, bytes int) string {
	return fmt.Sprintf("SELECT substr(CAST(%s AS BLOB), 1, %d) FROM {events} WHERE {id} = ?", text, bytes)
}

// querier is a connection, a pool or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

type scanner = func(to ...any) error

// each calls do with every row. If do fails with errEnough it just ends.
func each(ctx context.Context, q querier, query string, args []any, do func(scanner) error) error {
	rows, err := q.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := do(rows.Scan); errors.Is(err, errEnough) {
			return rows.Close()
		} else if err != nil {
			return err
		}
	}
	return rows.Err()
}
