package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/caddyjobs/caddyjobs/tables"
)

// errVacant means that the tables are missing and ours to make.
var errVacant = errors.New("the database has no tables yet")

// layout is what a database turned out to have, and the SQL made for it.
type layout struct {
	*statements
	owned    bool   // we made the tables
	wal      bool   // the journal's mode
	rowid    bool   // the id is INTEGER PRIMARY KEY: SQLite gives it out
	auto     bool   // … and never twice
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
	l.rowid = in.isRowid(e.Table, events, e.ID)
	l.auto = l.rowid && strings.Contains(strings.ToUpper(
		in.text(`SELECT coalesce(max(sql), '') FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE`, e.Table)), "AUTOINCREMENT")
	l.timeType = find(events, e.Time).kind
	utf8 := in.text(`PRAGMA encoding`) == "UTF-8"
	l.warnings = in.warnings(l, e)
	l.statements = newStatements(s.tables, s.maxMessage, l.auto, utf8)
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

func require(have []column, block, table string, names ...string) error {
	if len(have) == 0 {
		return fmt.Errorf("there is no table %q: create it, or name the right one in the store's option %q", table, block)
	}
	for _, name := range names {
		if find(have, name).name == "" {
			return fmt.Errorf("the table %q has no column %q: add it, or name the right one in the store's block %q", table, name, block)
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

// isRowid reports whether a column is another name of the row id.
func (in *inspector) isRowid(table string, columns []column, id string) bool {
	keys := 0
	for _, c := range columns {
		keys = max(keys, c.key)
	}
	plain := in.number(`SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE AND type = 'table' AND wr = 0`, table)
	c := find(columns, id)
	return plain == 1 && keys == 1 && c.key == 1 && c.kind == "INTEGER"
}

func (in *inspector) warnings(l *layout, e tables.EventsTable) (texts []string) {
	if !l.auto {
		texts = append(texts, fmt.Sprintf("the column %s of the table %s is not INTEGER PRIMARY KEY AUTOINCREMENT: ids of deleted rows may be given out again, "+
			"or not ascend, and viewers then miss rows; create the table anew with that type", e.ID, e.Table))
	}
	if in.number(`SELECT count(*) FROM pragma_index_list(?) l JOIN pragma_index_info(l.name) i WHERE i.seqno = 0 AND i.name = ? COLLATE NOCASE`, e.Table, e.Job) == 0 {
		texts = append(texts, fmt.Sprintf("no index of the table %s begins with the column %s: each look at a log reads the whole table; "+
			"run CREATE INDEX caddyjobs_log ON %s (%s, %s)", e.Table, e.Job, tables.Quote(e.Table), tables.Quote(e.Job), tables.Quote(e.ID)))
	}
	return texts
}
