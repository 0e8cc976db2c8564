package postgres

import (
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/tables"
)

// identifier is the name of a table as SQL has it. A dot outside quotes parts
// the schema from the table; letters are taken as they are.
func identifier(name string) (string, error) {
	parts, err := parse(name)
	if err != nil {
		return "", err
	}
	return parts.Sanitize(), nil
}

// parse is the parts of the name of a table.
func parse(name string) (parts pgx.Identifier, err error) {
	var part strings.Builder
	quoted := false
	for i := 0; i < len(name); i++ {
		switch c := name[i]; {
		case c == '"' && quoted && strings.HasPrefix(name[i+1:], `"`):
			part.WriteByte(c)
			i++
		case c == '"':
			quoted = !quoted
		case c == '.' && !quoted:
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(c)
		}
	}
	parts = append(parts, part.String())
	for _, p := range parts {
		if p == "" || quoted || len(parts) > 2 {
			return nil, fmt.Errorf("%q is not the name of a table; write it as table or schema.table, in double quotes where a dot belongs to it", name)
		}
	}
	return parts, nil
}

// named puts the names of tables and columns into SQL, quoted.
func named(text string, t tables.Tables, more ...string) string {
	events, _ := identifier(t.Events.Table) // Validate has checked them
	jobs, _ := identifier(t.Jobs.Table)
	quote := func(name string) string { return pgx.Identifier{name}.Sanitize() }
	owner := "NULL::text"
	if t.Jobs.Owner != "" {
		owner = "j." + quote(t.Jobs.Owner) + "::text"
	}
	return strings.NewReplacer(append([]string{
		"{events}", events, "{id}", quote(t.Events.ID), "{job}", quote(t.Events.Job),
		"{message}", quote(t.Events.Message), "{severity}", quote(t.Events.Severity), "{time}", quote(t.Events.Time),
		"{jobs}", jobs, "{jobid}", quote(t.Jobs.ID), "{state}", quote(t.Jobs.State), "{owner}", owner,
	}, more...)...).Replace(text)
}
