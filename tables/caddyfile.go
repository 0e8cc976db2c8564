package tables

import (
	"slices"

	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// ParseEvents reads a block, of which the dispenser is at the first word:
//
//	events [<table>] {
//		id       <column>
//		job      <column>
//		message  <column>
//		severity <column>
//		time     <column>
//	}
func (t *Tables) ParseEvents(d *caddyfile.Dispenser) error {
	e := &t.Events
	return parse(d, &e.Table, map[string]*string{
		"id": &e.ID, "job": &e.Job, "message": &e.Message, "severity": &e.Severity, "time": &e.Time,
	}, nil)
}

// ParseJobs reads a block, of which the dispenser is at the first word:
//
//	jobs [<table>] {
//		id       <column>
//		state    <column>
//		terminal <states...>
//		owner    <column>
//	}
func (t *Tables) ParseJobs(d *caddyfile.Dispenser) error {
	j := &t.Jobs
	return parse(d, &j.Table, map[string]*string{"id": &j.ID, "state": &j.State, "owner": &j.Owner},
		map[string]*[]string{"terminal": &j.Terminal})
}

// parse reads "<block> [<table>] { <options> }". Options have one value, or
// several where they are in lists.
func parse(d *caddyfile.Dispenser, table *string, names map[string]*string, lists map[string]*[]string) error {
	block := d.Val()
	if d.NextArg() {
		if *table = d.Val(); *table == "" {
			return d.Errf("%s: the name of the table is empty", block)
		}
	}
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] {
			return d.Errf("%s: %s is given twice", block, option)
		}
		seen[option] = true
		values := d.RemainingArgs()
		if slices.Contains(values, "") {
			return d.Errf("%s: %s has an empty value", block, option)
		}
		name, list := names[option], lists[option]
		switch {
		case name == nil && list == nil:
			return d.Errf("%s: unknown option %q", block, option)
		case len(values) == 0 || list == nil && len(values) > 1:
			return d.ArgErr()
		case list != nil:
			*list = values
		default:
			*name = values[0]
		}
	}
	return nil
}
