package postgres

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/tables"
)

// schemaSQL and hintsSQL are what Schema prints, with the names left open.
var (
	//go:embed schema.sql
	schemaSQL string
	//go:embed hints.sql
	hintsSQL string
)

// Schema is the SQL of all that the store can use, for the names that are
// configured, with what each part is for. Nothing but a person runs it. Its
// errors are those of names that cannot be, or that would end a comment or a
// function's body in it.
func (d *Driver) Schema() (string, error) {
	if err := d.checkNames(); err != nil {
		return "", err
	}
	text := schemaSQL
	if d.Notify != notifyOff {
		text += hintsSQL
	}
	owner := ""
	if d.Jobs.Owner != "" {
		owner = "\n\t{owner name} text,"
	}
	text = strings.Replace(text, "{owner column}", owner, 1)
	events, schema := nameOf(d.Events.Table)
	jobs, _ := nameOf(d.Jobs.Table)
	function := func(name string) string { return within(d.Tables, "caddyjobs_"+name) }
	script := named(text, d.Tables,
		"{owner name}", pgx.Identifier{d.Jobs.Owner}.Sanitize(), "{requests}", strings.Replace(requestsTable, "TABLE", "TABLE IF NOT EXISTS", 1),
		"{index}", pgx.Identifier{"caddyjobs_" + events}.Sanitize(), "{schema}", pgx.Identifier{schema}.Sanitize(),
		"{watch}", watchTable(d.Tables), "{rows function}", function(events), "{state function}", function(jobs),
		"{channel}", "'"+strings.ReplaceAll(d.channel(), "'", "''")+"'")
	for _, end := range []string{"\n", "\r", "$caddyjobs$"} {
		if strings.Count(script, end) != strings.Count(text, end) {
			return "", fmt.Errorf("a name that has %q in it is not printed; rename it, or write the SQL by hand", end)
		}
	}
	return script, nil
}

// channel is the one on which the database notifies.
func (d *Driver) channel() string {
	if d.Notify == notifyAuto {
		return defaultChannel
	}
	return d.Notify
}

// watchTable is the name, in SQL, of the table that says which jobs are
// watched.
func watchTable(t tables.Tables) string { return within(t, "caddyjobs_watch") }

// within is a name in the schema of the events.
func within(t tables.Tables, name string) string {
	_, schema := nameOf(t.Events.Table)
	return pgx.Identifier{schema, name}.Sanitize()
}

// nameOf parts a table's name from its schema's, which is public if none is
// configured.
func nameOf(table string) (name, schema string) {
	parts, _ := parse(table) // Validate has checked it
	if len(parts) == 1 {
		return parts[0], "public"
	}
	return parts[1], parts[0]
}
