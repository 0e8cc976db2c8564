package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

// statements are the SQL for a database.
//
// Ids of jobs go in as text, whatever the column's type: SQLite compares a
// value that has no type of its own as the column's, by index. They come out
// as text, too.
type statements struct {
	jobs           string // (list of pairs of id and owner) which of them, id, state, owner
	states         string // (list of ids, list of states) asked, state: of those in one of the states
	oldest, newest string // (job, low, high, limit) id and the columns of a row
	top            string // () the highest id ever
	recent         string // (limit) jobs, ids and times of their newest rows
	ahead          string // (id, rows) the id so many rows above
	tail           string // (low, high, list of jobs, limit) id, columns of a row, job
	touched        string // (low, high) the jobs of these rows
	hasJob         string // (job)
	addJob         string // (job, time), unless it is there; our tables only
	setState       string // (job, state)
	putState       string // (job, state, time), job is made if unknown; our tables only
	insert         string // (job, message, severity, time)
	lastTime       string // () the newest row's time
	start          string // (id) the first bytes of a row's message
	dropRows       string // (job)
	dropJob        string // (job)
}

func newStatements(t tables.Tables, maxMessage int, auto, utf8 bool) *statements {
	owner := "NULL"
	if t.Jobs.Owner != "" {
		owner = "j.{owner}"
	}
	row := "{id}, " + messageColumns(maxMessage, utf8) + ", CAST({severity} AS TEXT), +{time}"
	top := "SELECT coalesce(max({id}), 0) FROM {events}"
	if auto {
		// The row may be gone; its id is not given out again.
		top = "SELECT max((" + top + "), coalesce((SELECT seq FROM sqlite_sequence WHERE name = {text} COLLATE NOCASE), 0))"
	}
	s := &statements{
		// BINARY, since the column may take upper case and lower for equal.
		jobs: `SELECT a.key, CAST(j.{jobid} AS TEXT), CAST(j.{state} AS TEXT), CAST(` + owner + ` AS TEXT)
			FROM json_each(?) a CROSS JOIN {jobs} j ON j.{jobid} = a.value ->> 0
			WHERE a.value ->> 1 IS NULL OR CAST(` + owner + ` AS TEXT) COLLATE BINARY = a.value ->> 1`,
		states: `SELECT a.value, CAST(j.{state} AS TEXT) FROM json_each(?) a CROSS JOIN {jobs} j ON j.{jobid} = a.value
			WHERE CAST(j.{state} AS TEXT) IN (SELECT value FROM json_each(?))`,
		oldest: `SELECT ` + row + ` FROM {events} WHERE {job} = ? AND {id} BETWEEN ? AND ? ORDER BY {id} LIMIT ?`,
		newest: `SELECT ` + row + ` FROM {events} WHERE {job} = ? AND {id} BETWEEN ? AND ? ORDER BY {id} DESC LIMIT ?`,
		top:    top,
		recent: fmt.Sprintf(`SELECT CAST(r.job AS TEXT), r.id, (SELECT +{time} FROM {events} WHERE {id} = r.id LIMIT 1) FROM
			(SELECT job, max(id) AS id FROM (SELECT {job} AS job, {id} AS id FROM {events} WHERE {id} > 0 ORDER BY {events}.{id} DESC LIMIT %d) newest
			WHERE job IS NOT NULL GROUP BY job ORDER BY max(id) DESC LIMIT ?) r ORDER BY r.id DESC`, joblog.RecentRows),
		ahead: `SELECT max({id}) FROM (SELECT {id} FROM {events} WHERE {id} > ? ORDER BY {id} LIMIT ?)`,
		// IS TRUE keeps SQLite from going through the index of jobs: what is
		// new is little, what the watched jobs have is not.
		tail: `SELECT ` + row + `, CAST({job} AS TEXT) FROM {events} WHERE {id} > ? AND {id} <= ?
			AND ({job} IN (SELECT value FROM json_each(?))) IS TRUE ORDER BY {id} LIMIT ?`,
		touched:  `SELECT DISTINCT CAST({job} AS TEXT) FROM {events} WHERE {id} > ? AND {id} <= ?`,
		hasJob:   `SELECT 1 FROM {jobs} WHERE {jobid} = ?`,
		addJob:   `INSERT INTO {jobs} ({jobid}, {created}, {updated}) VALUES (?1, ?2, ?2) ON CONFLICT ({jobid}) DO NOTHING`,
		setState: `UPDATE {jobs} SET {state} = ?2 WHERE {jobid} = ?1`,
		putState: `INSERT INTO {jobs} ({jobid}, {state}, {created}, {updated}) VALUES (?1, ?2, ?3, ?3)
			ON CONFLICT ({jobid}) DO UPDATE SET {state} = ?2, {updated} = ?3`,
		insert:   `INSERT INTO {events} ({job}, {message}, {severity}, {time}) VALUES (?, ?, ?, ?)`,
		lastTime: `SELECT +{time} FROM {events} ORDER BY {id} DESC LIMIT 1`,
		start:    fmt.Sprintf(`SELECT substr(CAST({message} AS BLOB), 1, %d) FROM {events} WHERE {id} = ?`, maxMessage),
		dropRows: `DELETE FROM {events} WHERE {job} = ?`,
		dropJob:  `DELETE FROM {jobs} WHERE {jobid} = ?`,
	}
	for _, q := range []*string{
		&s.jobs, &s.states, &s.oldest, &s.newest, &s.top, &s.recent, &s.ahead, &s.tail, &s.touched,
		&s.hasJob, &s.addJob, &s.setState, &s.putState, &s.insert, &s.lastTime, &s.start, &s.dropRows, &s.dropJob,
	} {
		*q = named(*q, t)
	}
	return s
}

// messageColumns are the message, or NULL if it has more than max bytes, and
// whether it has: to take a part of it would load it whole, and its length alone
// does not. Only where the database's text is UTF-8 does it count in bytes;
// elsewhere characters do, and the rest is cut later.
func messageColumns(max int, utf8 bool) string {
	if !utf8 {
		return fmt.Sprintf(`substr(CAST({message} AS TEXT), 1, %d), coalesce(length({message}) > %d, 0)`, max, max)
	}
	return fmt.Sprintf(`CASE WHEN octet_length({message}) <= %d THEN CAST({message} AS TEXT) END, coalesce(octet_length({message}) > %d, 0)`, max, max)
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
