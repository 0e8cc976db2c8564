package postgres

import (
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// UnmarshalCaddyfile reads
//
//	postgres {
//		dsn         <dsn>
//		events      [<table>] { … }
//		jobs        [<table>] { … }
//		max_message <size>
//		notify      auto|off|<channel>
//		listen_dsn  <dsn>
//		settle      <duration>
//	}
func (d *Driver) UnmarshalCaddyfile(disp *caddyfile.Dispenser) error {
	disp.Next() // the driver's name
	if disp.NextArg() {
		return disp.Err("a store has a driver and a name, and all else in its block; write the dsn there: dsn <dsn>")
	}
	seen := map[string]bool{}
	for disp.NextBlock(0) {
		option := disp.Val()
		if seen[option] && isOption(option) {
			return disp.Errf("%s is given twice", option)
		}
		seen[option] = true
		if err := d.unmarshalOption(disp, option); err != nil {
			return err
		}
	}
	return nil
}

func (d *Driver) unmarshalOption(disp *caddyfile.Dispenser, option string) error {
	switch option {
	case "events":
		return d.ParseEvents(disp)
	case "jobs":
		return d.ParseJobs(disp)
	}
	var value string
	words := map[string]*string{"dsn": &d.DSN, "notify": &d.Notify, "listen_dsn": &d.ListenDSN}
	word, known := words[option]
	switch {
	case known:
	case option == "max_message" || option == "settle":
		word = &value
	default:
		if !isOption(option) { // a part of a dsn, perhaps
			return disp.Err("unknown option; a dsn with blanks is to be in quotes: dsn \"…\"")
		}
		return disp.Errf("unknown option %q", option)
	}
	if !disp.AllArgs(word) {
		// ArgErr would quote a part of a dsn, such as its password.
		return disp.Errf("%s: wrong number of values; one with blanks needs quotes: %[1]s \"…\"", option)
	}
	if *word == "" {
		return disp.Errf("%s has an empty value", option)
	}
	switch option {
	case "max_message":
		size, err := humanize.ParseBytes(value)
		if err != nil || size == 0 || size > largestMaxMessage {
			return disp.Errf("max_message: %q is not a size from 1B to 64MiB", value)
		}
		d.MaxMessage = int(size)
	case "settle":
		settle, err := caddy.ParseDuration(value)
		if err != nil || settle <= 0 {
			return disp.Errf("settle: %q is not a duration above zero, such as 5s", value)
		}
		d.Settle = caddy.Duration(settle)
	}
	return nil
}

// isOption reports whether a text can be an option's name.
func isOption(text string) bool { return strings.Trim(text, "abcdefghijklmnopqrstuvwxyz_") == "" }
