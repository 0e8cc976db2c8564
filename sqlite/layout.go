package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

// errVacant means that the tables are missing and ours to make.
var errVacant = errors.New("the database has no tables yet")

// path is how SQLite comes to the rows of one job, in the order of their ids.
type path int

const (
	byID       path = iota // by the ids of all jobs
	byJob                  // by an index of jobs, which has to be sorted: as one of (job, time)
	byJobAndID             // by an index of both
)

// layout is what a database turned out to have, and the SQL made for it.
type layout struct {
	*statements
	owned    bool   // we made the tables
	wal      bool   // the journal's mode
	oneRow   bool   // a job has one row at most
	utf8     bool   // text is, in the file
	rowid    bool   // the id is INTEGER PRIMARY KEY: SQLite gives it out
	auto     string // the table whose ids are never given out twice; empty if they may be
	base     string // the one table that has the events; empty if that cannot be told
	path     path
	index    string // of both job and id; empty if SQLite chooses
	version  string // what tells a row of a job from another one, as SQL
	timeType string // declared, in upper case
	warnings []string
}

// column is a column as it was declared.
type column struct {
	name, kind string // kind in upper case
	key        int    // place in the primary key, from 1; 0 if none
}

// inspect looks at the schema. Its errors name what is missing and say what
// to do.
func inspect(ctx context.Context, db *sql.DB, s *Store) (*layout, error) {
	l, in := new(layout), inspector{ctx: ctx, db: db}
	e, j := s.tables.Events, s.tables.Jobs
	events, jobs := in.columns(e.Table), in.columns(j.Table)
	all := in.number(`SELECT count(*) FROM sqlite_schema`)
	ours := in.number(`SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'caddyjobs_tables'`) > 0
	if in.err != nil {
		return nil, in.err
	}
	if len(events) == 0 && len(jobs) == 0 && (all == 0 || ours) {
		return nil, errVacant
	}
	if err := requireAll(events, jobs, s.tables); err != nil {
		return nil, err
	}
	if ours {
		l.owned = in.number(`SELECT count(DISTINCT name) FROM caddyjobs_tables WHERE name IN (?, ?)`, e.Table, j.Table) == 2
	}
	l.wal = strings.EqualFold(in.text(`PRAGMA journal_mode`), "wal")
	l.utf8 = in.text(`PRAGMA encoding`) == "UTF-8"
	l.rowid = in.isRowid(e.Table, events, e.ID)
	l.timeType = find(events, e.Time).kind
	l.path, l.index = in.path(s.tables)
	if err := in.ids(l, s.tables, find(events, e.ID)); err != nil {
		return nil, err
	}
	in.jobs(l, s.tables)
	in.warn(l, s.tables)
	l.version = in.version(j.Table, jobs)
	l.statements = newStatements(s.tables, s.maxMessage, l)
	return l, in.err
}

// requireAll checks that all tables and columns are there.
func requireAll(events, jobs []column, t tables.Tables) error {
	e, j := t.Events, t.Jobs
	if err := require(events, "events", e.Table, e.ID, e.Job, e.Message, e.Severity, e.Time); err != nil {
		return err
	}
	names := []string{j.ID, j.State}
	if j.Owner != "" {
		names = append(names, j.Owner)
	}
	return require(jobs, "jobs", j.Table, names...)
}

// misfit is why the database is not what is configured, and the remedy.
func misfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", joblog.ErrMisconfigured, fmt.Sprintf(format, args...))
}

func require(have []column, block, table string, names ...string) error {
	if len(have) == 0 {
		return misfit("there is no table %q: create it, or name the right one in the store's option %q", table, block)
	}
	for _, name := range names {
		if find(have, name).name == "" {
			return misfit("the table %q has no column %q: add it, or name the right one in the store's block %q", table, name, block)
		}
	}
	return nil
}

// find is the column of this name, which SQLite takes in any case.
func find(columns []column, name string) column {
	i := slices.IndexFunc(columns, func(c column) bool { return strings.EqualFold(c.name, name) })
	if i < 0 {
		return column{}
	}
	return columns[i]
}

// inspector asks the schema; after its first error it asks nothing more.
type inspector struct {
	ctx context.Context
	db  *sql.DB
	err error
}

func (in *inspector) scan(to any, query string, args ...any) {
	if in.err == nil {
		in.err = in.db.QueryRowContext(in.ctx, query, args...).Scan(to)
	}
}

func (in *inspector) number(query string, args ...any) (n int) {
	in.scan(&n, query, args...)
	return n
}

func (in *inspector) text(query string, args ...any) (s string) {
	in.scan(&s, query, args...)
	return s
}

// rows calls do with every row.
func (in *inspector) rows(query string, args []any, do func(scanner) error) {
	if in.err == nil {
		in.err = each(in.ctx, in.db, query, args, do)
	}
}

// count is a number that a query of the application's rows finds; 0 if these
// are such that it cannot.
func (in *inspector) count(query string) (n int) {
	if in.err == nil {
		_ = in.db.QueryRowContext(in.ctx, query).Scan(&n)
	}
	return n
}

// columns are a table's, or a view's; none if there is no such table.
func (in *inspector) columns(table string) []column {
	if in.err != nil {
		return nil
	}
	var all []column
	in.err = each(in.ctx, in.db, `SELECT name, upper(type), pk FROM pragma_table_xinfo(?)`, []any{table}, func(scan scanner) error {
		var c column
		err := scan(&c.name, &c.kind, &c.key)
		all = append(all, c)
		return err
	})
	return all
}

// isTable reports whether there is a table of this name, which is no view.
func (in *inspector) isTable(name string) bool {
	return in.number(`SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE AND type = 'table'`, name) == 1
}

// isRowid reports whether a column is another name of the row id.
func (in *inspector) isRowid(table string, columns []column, id string) bool {
	keys := 0
	for _, c := range columns {
		keys = max(keys, c.key)
	}
	c := find(columns, id)
	return in.isTable(table) && in.number(`SELECT wr FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE`, table) == 0 && keys == 1 && c.key == 1 && c.kind == "INTEGER"
}
