package sqlite

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyjobs/caddyjobs/tables"
)

// warn adds to the layout's warnings what works, but not well. Of what is under a
// view, only what is known is told.
func (in *inspector) warn(l *layout, t tables.Tables) {
	base, table := l.base, strings.EqualFold(l.base, t.Events.Table)
	const again = "ids of deleted rows may be given out again, or not ascend, and viewers then miss rows; create the table anew with that type"
	switch {
	case base == "" || l.auto != "":
	case table:
		l.warnings = append(l.warnings, fmt.Sprintf("the column %s of the table %s is not INTEGER PRIMARY KEY AUTOINCREMENT: %s", t.Events.ID, base, again))
	default:
		l.warnings = append(l.warnings, fmt.Sprintf("the ids of the view %s are not of a column INTEGER PRIMARY KEY AUTOINCREMENT of the table %s: %s", t.Events.Table, base, again))
	}
	switch {
	case l.path != byID || base == "":
	case table:
		l.warnings = append(l.warnings, fmt.Sprintf("no index of the table %s begins with the column %s: a look at a log goes through those of all jobs; run %s",
			base, t.Events.Job, named(`CREATE INDEX caddyjobs_log ON {events} ({job}, {id})`, t)))
	default:
		l.warnings = append(l.warnings, fmt.Sprintf("no index of the table %s, which the view %s reads, begins with the job: "+
			"a look at a log goes through those of all jobs; create one on the columns that are %s and %s in the view", base, t.Events.Table, t.Events.Job, t.Events.ID))
	}
	if scan := func(s string) bool { return strings.HasPrefix(s, "SCAN ") }; slices.ContainsFunc(in.plan(named(`SELECT 1 FROM {jobs} WHERE {jobid} = ?`, t), 0), scan) {
		l.warnings = append(l.warnings, fmt.Sprintf("no index of %s begins with the column %s: each look at a job goes through all of them; "+
			"if it is a table, run %s", t.Jobs.Table, t.Jobs.ID, named(`CREATE UNIQUE INDEX caddyjobs_jobs ON {jobs} ({jobid})`, t)))
	}
	in.warnOfNumbers(l, t.Jobs.Table, t.Jobs.ID)
	in.warnOfNumbers(l, t.Events.Table, t.Events.Job)
}

// warnOfNumbers tells of ids of jobs that are numbers in a column of no type, as
// those that a view works out: a text, which all ids come as, is equal to none of
// them. A few rows are looked at.
func (in *inspector) warnOfNumbers(l *layout, table, column string) {
	query := strings.NewReplacer("{table}", tables.Quote(table), "{id}", tables.Quote(column)).Replace(
		`SELECT count(*) FROM (SELECT {id} FROM {table} LIMIT 100) WHERE typeof({id}) IN ('integer', 'real') AND {id} <> json_array(CAST({id} AS TEXT)) ->> 0`)
	if in.count(query) > 0 {
		l.warnings = append(l.warnings, fmt.Sprintf("ids of jobs in the column %s of %s are numbers, but the column has no type, so jobs are not found by them: "+
			"declare it as INTEGER, or in a view write CAST(… AS INTEGER)", column, table))
	}
}
