package access

import (
	"slices"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// Parse reads a block, of which the dispenser is at the first word:
//
//	tokens {
//		key      <algorithm> <key> [<kid>]
//		jwks     <url>
//		audience <audiences...>
//		issuer   <issuer>
//		cookie   <name>
//		leeway   <duration>
//	}
//
// There may be several key and jwks.
func (t *Tokens) Parse(d *caddyfile.Dispenser) error {
	block := d.Val()
	if d.NextArg() {
		return d.Errf("%s has no value of its own, only a block", block)
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		option := d.Val()
		if seen[option] && option != "key" && option != "jwks" {
			return d.Errf("%s: %s is given twice", block, option)
		}
		seen[option] = true
		values := d.RemainingArgs()
		if slices.Contains(values, "") {
			return d.Errf("%s: %s has an empty value", block, option)
		}
		if err := t.parseOption(d, option, values); err != nil {
			return err
		}
	}
	return nil
}

// parseOption takes an option's values. It does not use ArgErr, which would
// quote a key.
func (t *Tokens) parseOption(d *caddyfile.Dispenser, option string, values []string) error {
	usage := map[string]string{
		"key": "key <algorithm> <key> [<kid>]", "jwks": "jwks <url>", "audience": "audience <audiences...>",
		"issuer": "issuer <issuer>", "cookie": "cookie <name>", "leeway": "leeway <duration>",
	}[option]
	least, most := 1, 1
	switch option {
	case "key":
		least, most = 2, 3
	case "audience":
		most = len(values)
	}
	switch {
	case usage == "":
		return d.Errf("tokens: unknown option %q", option)
	case len(values) < least || len(values) > most:
		return d.Errf("tokens: %s: wrong number of values; write it as: %s", option, usage)
	}
	switch option {
	case "key":
		k := Key{Algorithm: values[0], Key: values[1]}
		if len(values) == 3 {
			k.KID = values[2]
		}
		t.Keys = append(t.Keys, k)
	case "jwks":
		t.JWKS = append(t.JWKS, values[0])
	case "audience":
		t.Audience = values
	case "issuer":
		t.Issuer = values[0]
	case "cookie":
		t.Cookie = values[0]
	case "leeway":
		leeway, err := caddy.ParseDuration(values[0])
		if err != nil || leeway <= 0 {
			return d.Errf("tokens: leeway: %q is not a duration above zero, such as %s", values[0], 30*time.Second)
		}
		t.Leeway = caddy.Duration(leeway)
	}
	return nil
}

// Parse reads an option, at whose first word the dispenser is:
//
//	links <key> [<older keys...>]
func (l *Links) Parse(d *caddyfile.Dispenser) error {
	option := d.Val()
	l.Keys = d.RemainingArgs()
	switch {
	case len(l.Keys) == 0:
		return d.Errf("%s: the key is missing; write it as: %s <key> [<older keys...>]", option, option)
	case slices.Contains(l.Keys, ""):
		return d.Errf("%s has an empty value", option)
	}
	return nil
}
