package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// The columns of the tables.
const (
	colRate      = "events/s"
	colDelivered = "deliveries/s"
	colPerCPU    = "deliveries/CPU-s"
	colCPU       = "CPU %"
	colOwn       = "generator %"
	colOthers    = "others %"
	colP50       = "p50 ms"
	colP99       = "p99 ms"
	colLost      = "lost"
	colDoubled   = "doubled"
	colReordered = "reordered"
)

// measured are the columns of what measure returns.
var measured = []string{
	colPerCPU, colDelivered, colP50, colP99, colCPU, colOwn, colOthers, colLost, colDoubled, colReordered,
}

// bases are those that the others are compared with: the raw writer, and where
// it cannot be, the handler in Caddy that anybody would write.
var bases = []string{"raw", "caddy-plain"}

// compared are the columns that are shown with the ratio to the base.
var compared = []string{
	colPerCPU, colDelivered, colP99, colFirst, colWarm, colAll, colMemory, colFresh,
}

// figures are what one round of one server gave, by column.
type figures map[string]float64

// kind says what a table shows.
type kind struct {
	key     string // see bars
	title   string
	columns []string
}

// table is of one kind and one protocol, a row for each server.
type table struct {
	kind
	protocol load.Protocol
	rows     []*row
}

type row struct {
	name   string
	rounds []figures
	failed error // of the last round that failed
}

// report are the tables, in the order in which they were begun.
type report struct{ tables []*table }

// row finds a server's row, and makes it if it is not there.
func (r *report) row(k kind, protocol load.Protocol, server string) *row {
	t := r.table(k.key, protocol)
	if t == nil {
		t = &table{kind: k, protocol: protocol}
		r.tables = append(r.tables, t)
	}
	w := t.row(server)
	if w == nil {
		w = &row{name: server}
		t.rows = append(t.rows, w)
	}
	return w
}

// table is the one of a kind and protocol; nil if there is none.
func (r *report) table(key string, protocol load.Protocol) *table {
	for _, t := range r.tables {
		if t.key == key && t.protocol == protocol {
			return t
		}
	}
	return nil
}

// row is a server's; nil if it has none.
func (t *table) row(server string) *row {
	for _, r := range t.rows {
		if r.name == server {
			return r
		}
	}
	return nil
}

// print prints medians, as tables of Markdown that are also legible as they are.
func (r *report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	for _, t := range r.tables {
		if len(t.columns) > 0 {
			t.print(w)
		}
		for _, row := range t.rows {
			if row.failed != nil {
				fmt.Fprintf(w, "\n%s over %s failed: %v\n", row.name, t.protocol, row.failed)
			}
		}
	}
	return w.Flush()
}

func (t *table) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s, over %s\n\n| \t| rounds\t| %s\t|\n", t.title, t.protocol, strings.Join(t.columns, "\t| "))
	fmt.Fprintf(w, "|---\t%s|\n", strings.Repeat("|---\t", len(t.columns)+1))
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s\t| %d\t", row.name, len(row.rounds))
		for _, column := range t.columns {
			fmt.Fprintf(w, "| %s\t", t.cell(row, column))
		}
		fmt.Fprintln(w, "|")
	}
}

func (t *table) cell(r *row, column string) string {
	value, ok := r.median(column)
	if !ok {
		return ""
	}
	text := rig.Number(value)
	if base := t.base(); base != nil && slices.Contains(compared, column) {
		if b, ok := base.median(column); ok && b > 0 {
			text += fmt.Sprintf(" (%.2f)", value/b)
		}
	}
	return text
}

func (t *table) base() *row {
	for _, name := range bases {
		if r := t.row(name); r != nil {
			return r
		}
	}
	return nil
}

// median is the middle of the rounds' values; the worst of what must not happen.
func (r *row) median(column string) (value float64, ok bool) {
	var values []float64
	for _, f := range r.rounds {
		if v, ok := f[column]; ok {
			values = append(values, v)
		}
	}
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	switch column {
	case colLost, colDoubled, colReordered, colLate:
		return values[len(values)-1], true
	}
	half := len(values) / 2
	if len(values)%2 == 0 {
		return (values[half-1] + values[half]) / 2, true
	}
	return values[half], true
}
