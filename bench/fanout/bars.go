package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// ours is who has to pass the bars.
const ours = "caddyjobs"

// bar is what a figure of ours has to be.
type bar struct {
	key      string // of the kind of table
	protocol load.Protocol
	column   string
	atMost   bool // else at least
	limits   []limit
}

// limit is a number, or so many times another server's figure. A bar that has
// several is passed with any of them.
type limit struct {
	factor float64
	than   string // empty: none
}

var bars = []bar{
	{"idle", load.Plain, colMemory, true, []limit{{4, ""}}},
	{"idle", load.TLS, colMemory, true, []limit{{14, ""}}},
	{"idle", load.HTTP2, colMemory, true, []limit{{1.15, "caddy-plain"}}},
	{"idle", load.Plain, colCPU, true, []limit{{1, ""}}},
	{"fanout 20", load.Plain, colPerCPU, false, []limit{{0.75, "raw"}}},
	{"fanout 20", load.Plain, colPerCPU, false, []limit{{1.3, "nchan"}}},
	{"fanout 100", load.Plain, colPerCPU, false, []limit{{0.75, "raw"}}},
	{"fanout 100", load.Plain, colPerCPU, false, []limit{{1.3, "nchan"}}},
	{"fanout 100", load.Plain, colP99, true, []limit{{1.2, "raw"}}},
	{"fanout highest", load.Plain, colDelivered, false, []limit{{1_500_000, ""}, {0.5, "raw-batch"}}},
	{"fanout highest", load.Plain, colDelivered, false, []limit{{10, "nchan"}}},
	{"fanout 20", load.TLS, colPerCPU, false, []limit{{1.5, "caddy-plain"}}},
	{"fanout 100", load.TLS, colPerCPU, false, []limit{{1.5, "caddy-plain"}}},
	{"fanout 20", load.HTTP2, colPerCPU, false, []limit{{1.1, "caddy-plain"}}},
	{"fanout 100", load.HTTP2, colPerCPU, false, []limit{{1.1, "caddy-plain"}}},
	{"jobs", load.Plain, colPerCPU, false, []limit{{0.5, "raw"}}},
	{"replay", load.Plain, colWarm, false, []limit{{500_000, ""}}},
	{"stall", load.Plain, colTimes, true, []limit{{1.2, ""}}},
}

// printBars prints the bars that the run has figures for.
func (r *report) printBars(out io.Writer) error {
	if !slices.ContainsFunc(r.tables, func(t *table) bool { return t.row(ours) != nil }) {
		return nil
	}
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintf(w, "\n%s and the bars\n\n| scenario\t| over\t| figure\t| is\t| to be\t| \t|\n|---\t|---\t|---\t|---\t|---\t|---\t|\n", ours)
	for _, b := range bars {
		r.printBar(w, b)
	}
	for _, t := range r.tables {
		for _, column := range []string{colLost, colDoubled, colReordered, colLate} {
			r.printBar(w, bar{t.key, t.protocol, column, true, []limit{{0, ""}}})
		}
	}
	return w.Flush()
}

func (r *report) printBar(w io.Writer, b bar) {
	value, ok := r.figure(b, ours)
	if !ok {
		return
	}
	passed, wanted := false, ""
	for _, l := range b.limits {
		bound, text := l.factor, rig.Number(l.factor)
		if l.than != "" {
			base, ok := r.figure(b, l.than)
			if !ok {
				continue
			}
			bound *= base
			text = fmt.Sprintf("%g of %s: %s", l.factor, l.than, rig.Number(bound))
		}
		passed = passed || b.atMost && value <= bound || !b.atMost && value >= bound
		if wanted != "" {
			wanted += ", or "
		}
		wanted += map[bool]string{true: "≤ ", false: "≥ "}[b.atMost] + text
	}
	if wanted != "" {
		verdict := map[bool]string{true: "passed", false: "FAILED"}[passed]
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t| %s\t| %s\t|\n", b.key, b.protocol, b.column, rig.Number(value), wanted, verdict)
	}
}

// figure is a server's, in the table and column of a bar.
func (r *report) figure(b bar, server string) (value float64, ok bool) {
	t := r.table(b.key, b.protocol)
	if t == nil || t.row(server) == nil {
		return 0, false
	}
	return t.row(server).median(b.column)
}
