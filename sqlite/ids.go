package sqlite

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/caddyjobs/caddyjobs/tables"
)

// ids looks whether ids are what they must be: whole numbers, each of one row, and
// of no other one later. It returns what is wrong and how to mend it.
func (in *inspector) ids(l *layout, t tables.Tables, id column) error {
	e := t.Events
	if kind := strings.ToUpper(id.kind); !strings.Contains(kind, "INT") && !l.rowid {
		for _, wrong := range []string{"CHAR", "CLOB", "TEXT", "BLOB", "REAL", "FLOAT", "DOUBLE"} {
			if strings.Contains(kind, wrong) {
				return notWhole(t)
			}
		}
	}
	steps, base := in.plan(named(`SELECT {id} FROM {events} WHERE {id} = ?`, t), 0), in.base(named(`SELECT {id}, {job}, {message}, {severity}, {time} FROM {events}`, t))
	if !l.rowid && !in.unique(steps, base) {
		// Of a view it is not known, but may be seen.
		twice := in.count(named(`SELECT count(*) FROM (SELECT {id} AS id FROM {events} WHERE {id} > 0 ORDER BY {id} DESC LIMIT 1000)
			GROUP BY id ORDER BY 1 DESC LIMIT 1`, t)) > 1
		if twice || in.isTable(e.Table) {
			return errors.Join(in.err, notUnique(t))
		}
	}
	if len(steps) == 1 && strings.Contains(steps[0], "INTEGER PRIMARY KEY") && strings.Contains(in.sql(base), "AUTOINCREMENT") {
		l.auto = base
	}
	l.base = base
	texts := !l.rowid && in.any(t, "{id} > 9223372036854775807")
	if indexed := len(steps) == 1 && searches(steps[0]); indexed && (texts || in.any(t, "{id} < 1") || in.any(t, "{id} IS NULL")) {
		l.warnings = append(l.warnings, fmt.Sprintf("rows of %s whose %s is NULL, below 1 or no whole number are not shown: give them ids that are", e.Table, e.ID))
	}
	if texts && !in.any(t, "{id} <= 9223372036854775807") {
		return notWhole(t)
	}
	return in.err
}

// any reports whether there are rows for which a condition holds.
func (in *inspector) any(t tables.Tables, condition string) bool {
	return in.count(named("SELECT count(*) FROM (SELECT 1 FROM {events} WHERE "+condition+" LIMIT 1)", t)) > 0
}

func notWhole(t tables.Tables) error {
	e := t.Events
	return misfit("the column %s of %s does not hold whole numbers, as ids of events must be: name another one in the store's block \"events\", "+
		"or copy the rows to a table with a column INTEGER PRIMARY KEY AUTOINCREMENT", e.ID, e.Table)
}

func notUnique(t tables.Tables) error {
	return misfit("the column %s of %s does not tell rows apart, as ids of events must: if no number is there twice, run %s; "+
		"if ids are counted per job, name another column in the store's block \"events\", or copy the rows to a table with a column INTEGER PRIMARY KEY AUTOINCREMENT",
		t.Events.ID, t.Events.Table, named(`CREATE UNIQUE INDEX caddyjobs_ids ON {events} ({id})`, t))
}

// plan are the steps by which SQLite runs a query with so many arguments more than
// the first.
func (in *inspector) plan(query string, more int) (steps []string) {
	in.rows("EXPLAIN QUERY PLAN "+query, make([]any, more+1), func(scan scanner) error {
		var id, parent, unused int
		var step string
		err := scan(&id, &parent, &unused, &step)
		steps = append(steps, step)
		return err
	})
	return steps
}

// path is how SQLite reads a job's rows in the order of their ids, whether of a
// table or through a view, and by which index of a table it is to do so: it might
// change its mind.
func (in *inspector) path(t tables.Tables) (how path, index string) {
	steps := in.plan(named(`SELECT {id} FROM {events} WHERE {job} = ?1 AND {id} BETWEEN ?2 AND ?3 ORDER BY {id} LIMIT ?4`, t), 3)
	both := regexp.MustCompile(`^SEARCH .*\(.*=\? AND .*>\? AND .*<\?\)$`)
	sorted := slices.ContainsFunc(steps, func(s string) bool { return strings.Contains(s, "TEMP B-TREE") })
	switch i := slices.IndexFunc(steps, both.MatchString); {
	case i >= 0 && !sorted:
		if name := regexp.MustCompile(` INDEX (.*) \(`).FindStringSubmatch(steps[i]); name != nil && in.isTable(t.Events.Table) &&
			in.number(`SELECT count(*) FROM pragma_index_list(?) WHERE name = ?`, t.Events.Table, name[1]) == 1 {
			index = name[1]
		}
		return byJobAndID, index
	case slices.ContainsFunc(in.plan(named(`SELECT 1 FROM {events} WHERE {job} = ?`, t), 0), searches):
		return byJob, ""
	default:
		return byID, ""
	}
}

// searches reports whether a step goes by an index to what it is to find.
func searches(step string) bool {
	return strings.HasPrefix(step, "SEARCH ") && strings.Contains(step, "=?)")
}

// jobs looks whether a job can have several rows.
func (in *inspector) jobs(l *layout, t tables.Tables) {
	l.oneRow = in.unique(in.plan(named(`SELECT {jobid} FROM {jobs} WHERE {jobid} = ?`, t), 0), in.base(named(`SELECT {jobid}, {state} FROM {jobs}`, t)))
}

// base is the one table that a query is of, under a view, or "" if it is not one.
func (in *inspector) base(query string) string {
	var found []string
	in.rows("EXPLAIN "+query, nil, func(scan scanner) error {
		var op string
		var root int
		var unused any
		err := scan(&unused, &op, &unused, &root, &unused, &unused, &unused, &unused)
		if err == nil && op == "OpenRead" {
			found = append(found, fmt.Sprint(root))
		}
		return err
	})
	if len(found) != 1 {
		return ""
	}
	return in.text(`SELECT tbl_name FROM sqlite_schema WHERE rootpage = ?`, found[0])
}

// sql is the statement by which a table was made, in upper case.
func (in *inspector) sql(table string) string {
	return strings.ToUpper(in.text(`SELECT coalesce(max(sql), '') FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE`, table))
}

// unique reports whether what a plan looks up, of a table, is known to be there
// once at most.
func (in *inspector) unique(steps []string, table string) bool {
	if len(steps) != 1 || table == "" {
		return false
	}
	column := regexp.MustCompile(`\((.*)=\?\)$`).FindStringSubmatch(steps[0])
	if column == nil || strings.Contains(steps[0], "INTEGER PRIMARY KEY (") {
		return column != nil
	}
	return in.number(`SELECT count(*) FROM pragma_index_list(?1) l WHERE l."unique" AND NOT l.partial
		AND (SELECT group_concat(i.name, char(0)) FROM pragma_index_info(l.name) i) = ?2`, table, column[1]) > 0
}
