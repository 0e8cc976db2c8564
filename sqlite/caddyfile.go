package sqlite

import (
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/dustin/go-humanize"
)

// UnmarshalCaddyfile reads
//
//	sqlite {
//		path        <file>
//		events      [<table>] { … }
//		jobs        [<table>] { … }
//		max_message <size>
//	}
func (d *Driver) UnmarshalCaddyfile(disp *caddyfile.Dispenser) error {
	disp.Next() // the driver's name
	if disp.NextArg() {
		return disp.ArgErr()
	}
	seen := map[string]bool{}
	for disp.NextBlock(0) {
		option := disp.Val()
		if seen[option] {
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
	case "path":
		return oneArg(disp, &d.Path)
	case "events":
		return d.ParseEvents(disp)
	case "jobs":
		return d.ParseJobs(disp)
	case "max_message":
		return d.unmarshalMaxMessage(disp)
	default:
		return disp.Errf("unknown option %q of the store sqlite", option)
	}
}

func (d *Driver) unmarshalMaxMessage(disp *caddyfile.Dispenser) error {
	var size string
	if err := oneArg(disp, &size); err != nil {
		return err
	}
	n, err := humanize.ParseBytes(size)
	if err != nil {
		return disp.Errf("max_message: %q is not a size such as 1MiB", size)
	}
	if n < 1 || n > largestMaxMessage {
		return disp.Errf("max_message: %s is not between 1 byte and %d", size, largestMaxMessage)
	}
	d.MaxMessage = int(n)
	return nil
}

// oneArg reads exactly one argument, which is not empty.
func oneArg(disp *caddyfile.Dispenser, value *string) error {
	option := disp.Val()
	if !disp.Args(value) || disp.NextArg() {
		return disp.ArgErr()
	}
	if *value == "" {
		return disp.Errf("%s has an empty value", option)
	}
	return nil
}

var _ caddyfile.Unmarshaler = (*Driver)(nil)
