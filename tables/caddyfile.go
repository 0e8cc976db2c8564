package tables

import (
	"fmt"
	"slices"

	"github.com/caddyserver/caddy/v2"
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
//		terminal <states...> [after <duration>]
//		owner    <column>
//	}
//
// A state that is named after is written in quotes, unless it is the only one.
func (t *Tables) ParseJobs(d *caddyfile.Dispenser) error {
	j := &t.Jobs
	return parse(d, &j.Table, map[string]*string{"id": &j.ID, "state": &j.State, "owner": &j.Owner},
		map[string]parser{"terminal": j.parseTerminal})
}

// parser takes the values of an option.
type parser func(d *caddyfile.Dispenser, values []caddyfile.Token) error

// parse reads "<block> [<table>] { <options> }". Options are names of columns,
// or have parsers of their own.
func parse(d *caddyfile.Dispenser, table *string, names map[string]*string, parsers map[string]parser) error {
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
		values := d.RemainingArgsAsTokens()
		if slices.ContainsFunc(values, func(t caddyfile.Token) bool { return t.Text == "" }) {
			return d.Errf("%s: %s has an empty value", block, option)
		}
		name, parser := names[option], parsers[option]
		switch {
		case name == nil && parser == nil:
			return d.Errf("%s: unknown option %q", block, option)
		case len(values) == 0 || parser == nil && len(values) > 1:
			return d.ArgErr()
		case parser == nil:
			*name = values[0].Text
			continue
		}
		if err := parser(d, values); err != nil {
			return fmt.Errorf("%s: %w", block, err)
		}
	}
	return nil
}

// parseTerminal takes the states, and after how long the end is told.
func (j *JobsTable) parseTerminal(d *caddyfile.Dispenser, words []caddyfile.Token) error {
	isAfter := func(t caddyfile.Token) bool { return t.Text == "after" && !t.Quoted() }
	if at := slices.IndexFunc(words, isAfter); at >= 0 && len(words) > 1 {
		if at != len(words)-2 {
			return d.Err("terminal: after wants one duration behind it, such as 10s, as the last word; if it is a state, write it in quotes")
		}
		after, err := caddy.ParseDuration(words[at+1].Text)
		if err != nil || after < 0 {
			return d.Errf("terminal: after: %q is not a duration of 0s or more, such as 10s; if after is a state, write it in quotes", words[at+1].Text)
		}
		j.TerminalAfter, words = new(caddy.Duration(after)), words[:at] // none are the default states
	}
	for _, word := range words {
		j.Terminal = append(j.Terminal, word.Text)
	}
	return nil
}
