package postgres

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

// settleUnborn is how long ids are waited for that are not made under the
// table's lock, unless configured.
const settleUnborn = 60 * time.Second

// layout is what was found in the database: the types of the columns, who
// makes the ids, and the SQL that follows from it.
type layout struct {
	*statements
	jobType   string // of the events' column of the job
	jobsType  string // of the jobs' id
	stateType string // likewise, quoted
	severity  string // type of the column, quoted
	clock     clock
	bytes     bool          // messages are bytes, which need not be text
	stored    bool          // messages are in a table: to look at one cannot fail
	single    bool          // a job has one row
	defaulted bool          // the database gives out ids
	counted   bool          // all ids, one by one, are the sequence's, which may be read
	table     uint32        // the events' own oid
	heap      bool          // it is a table, and its rows tell their transactions
	placed    bool          // the jobs are a table, and its rows tell their places
	version   string        // what differs between a job's row and another one, as SQL
	byID      bool          // it has an index by id; taken for granted of views
	byJob     bool          // it has an index by job and id
	indexed   bool          // it has an index by job, and maybe something else; taken for granted of views
	parted    bool          // it has partitions
	relations []uint32      // tables whose locks writers hold
	blind     bool          // we may not see who holds locks
	settle    time.Duration // of ids that need not be made when a row is written
	patience  time.Duration // as configured, of those that are
	cache     int64         // how many ids the sequence gives a session; 0 if one, or if that is not known
	warnings  []string
	terminal  []string
	max       int
	doubt     atomic.Bool // read it again for the next call
	bulky     atomic.Bool // bytes rather than rows ended the last page of a log
}

// column is one column as the catalog has it.
type column struct {
	name, typ  string // domains are replaced by what they are of
	full       string // as SQL has it, with its schema where that is needed
	enum, free bool   // free: we may read it
	worked     bool   // it is worked out when it is read
}

// relation is a table or view.
type relation struct {
	oid     uint32
	kind    string
	pages   int64
	heirs   bool // it has partitions, or other tables' rows are its own
	whole   bool // we may read all of it, its rows' places and transactions as well
	columns map[string]column
}

// misfit is why the database is not what is configured, and the remedy.
func misfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", joblog.ErrMisconfigured, fmt.Sprintf(format, args...))
}

// inspect reads the layout. Its errors name what is missing, and the remedy.
func inspect(ctx context.Context, pool *pgxpool.Pool, d *Driver) (*layout, error) {
	events, err := find(ctx, pool, d.Events.Table)
	if err != nil {
		return nil, err
	}
	jobs, err := find(ctx, pool, d.Jobs.Table)
	if err != nil {
		return nil, err
	}
	l := &layout{terminal: d.Jobs.Terminal, max: d.MaxMessage, placed: jobs.placed(), version: jobs.version()}
	if err := l.check(d.Tables, events, jobs); err != nil {
		return nil, err
	}
	if err := l.inspectIndexes(ctx, pool, d.Tables, events); err != nil {
		return nil, err
	}
	if err := l.inspectUnseen(ctx, pool, d.Tables); err != nil {
		return nil, fmt.Errorf("looking for ids that are not seen: %w", err)
	}
	if err := l.inspectJobs(ctx, pool, d.Tables, jobs); err != nil {
		return nil, fmt.Errorf("inspecting the jobs' ids: %w", err)
	}
	if err := l.inspectIDs(ctx, pool, d, events); err != nil {
		return nil, fmt.Errorf("inspecting the events' ids: %w", err)
	}
	return l, nil
}

const findRelation = `SELECT c.oid, c.relkind::text, c.relhassubclass, coalesce(pg_relation_size(c.oid), 0) / 8192, a.attname, coalesce(b.typname, t.typname), coalesce(b.typtype, t.typtype) = 'e',
	has_column_privilege(c.oid, a.attnum, 'SELECT'), c.relkind NOT IN ('r', 'p') OR a.attgenerated = 'v',
	format_type(a.atttypid, NULL), has_table_privilege(c.oid, 'SELECT')
	FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
	JOIN pg_type t ON t.oid = a.atttypid LEFT JOIN pg_type b ON b.oid = t.typbasetype
	WHERE c.oid = to_regclass($1)`

func find(ctx context.Context, pool *pgxpool.Pool, name string) (*relation, error) {
	quoted, err := identifier(name)
	if err != nil {
		return nil, err
	}
	r := &relation{columns: map[string]column{}}
	rows, err := pool.Query(ctx, findRelation, quoted)
	if err != nil {
		return nil, err
	}
	var c column
	_, err = pgx.ForEachRow(rows, []any{&r.oid, &r.kind, &r.heirs, &r.pages, &c.name, &c.typ, &c.enum, &c.free, &c.worked, &c.full, &r.whole}, func() error {
		r.columns[c.name] = c
		return nil
	})
	if err != nil {
		return nil, err
	}
	if r.oid == 0 {
		return nil, misfit("there is no table %s in the database, or its schema is hidden from this user; name the table in the store's block, or GRANT USAGE ON SCHEMA", name)
	}
	return r, nil
}

// want is what a column must be.
type want struct {
	of          *relation
	table, name string
	option      string
	types       []string // any if empty
	enum        bool     // or an enum
}

var (
	integers = []string{"int2", "int4", "int8"}
	names    = []string{"text", "varchar", "bpchar", "name"}
	texts    = append([]string{"citext"}, names...)
	times    = []string{"int4", "int8", "timestamptz", "timestamp", "numeric", "float8"}
)

func (l *layout) check(t tables.Tables, events, jobs *relation) error {
	e, j := t.Events, t.Jobs
	ids := append(append([]string{"uuid"}, integers...), names...) // one id is written in one way, so citext is none
	wants := []want{
		{events, e.Table, e.ID, "events id", integers, false},
		{events, e.Table, e.Job, "events job", ids, false},
		{events, e.Table, e.Message, "events message", nil, true},
		{events, e.Table, e.Severity, "events severity", append(append([]string{}, integers...), texts...), true},
		{events, e.Table, e.Time, "events time", times, false},
		{jobs, j.Table, j.ID, "jobs id", ids, false},
		{jobs, j.Table, j.State, "jobs state", append(append([]string{}, integers...), texts...), true},
	}
	if j.Owner != "" {
		wants = append(wants, want{jobs, j.Table, j.Owner, "jobs owner", nil, true})
	}
	for _, w := range wants {
		if err := w.check(); err != nil {
			return err
		}
	}
	l.jobType, l.jobsType = events.columns[e.Job].typ, jobs.columns[j.ID].typ
	l.stateType, l.severity = jobs.columns[j.State].full, events.columns[e.Severity].full
	l.clock, l.bytes, l.stored = clock{events.columns[e.Time].typ}, events.columns[e.Message].typ == "bytea", !events.columns[e.Message].worked
	return l.compare(t)
}

// compare looks whether the events' jobs can be the jobs' ids: the two are
// compared as texts.
func (l *layout) compare(t tables.Tables) error {
	one, other := kindOf(l.jobType), kindOf(l.jobsType)
	if one == other {
		return nil
	}
	differ := fmt.Sprintf("the column %s of %s is of type %s, and %s of %s of type %s", t.Events.Job, t.Events.Table, l.jobType, t.Jobs.ID, t.Jobs.Table, l.jobsType)
	if one != "text" && other != "text" {
		return misfit("%s: no event can belong to a job; name another column as events job or jobs id", differ)
	}
	l.warnings = append(l.warnings, differ+": a job's log is empty unless the text is as Postgres writes the other, "+
		"UUIDs in lower case and numbers without leading zeros; make both columns of one type")
	return nil
}

// kindOf is what ids of a type look like.
func kindOf(typ string) string {
	switch {
	case slices.Contains(integers, typ):
		return "integer"
	case slices.Contains(names, typ):
		return "text"
	default:
		return typ
	}
}

func (w want) check() error {
	c, ok := w.of.columns[w.name]
	switch {
	case !ok:
		return misfit("the table %s has no column %s; name the right one in the store's block: %s <column>", w.table, w.name, w.option)
	case !c.free:
		return misfit("the column %s of %s may not be read; run: GRANT SELECT ON %[2]s TO the user of the dsn", w.name, w.table)
	case len(w.types) == 0 || w.enum && c.enum || slices.Contains(w.types, c.typ):
		return nil
	}
	return misfit("the column %s of %s is of type %s; %s must be one of %s; name another column, or make a view that casts it",
		w.name, w.table, c.typ, w.option, strings.Join(w.types, ", "))
}

// canonical is a job's id as the database writes it; ok is false if no job can
// have it.
func canonical(typ, id string) (string, bool) {
	switch {
	case slices.Contains(integers, typ):
		bits := map[string]int{"int2": 16, "int4": 32, "int8": 64}[typ]
		n, err := strconv.ParseInt(id, 10, bits)
		return strconv.FormatInt(n, 10), err == nil
	case typ == "uuid":
		u, err := uuid.Parse(id)
		return u.String(), err == nil
	default:
		return id, isText(id)
	}
}
