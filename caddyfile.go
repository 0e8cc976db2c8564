package caddyjobs

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
	"github.com/dustin/go-humanize"

	"github.com/caddyjobs/caddyjobs/access"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("jobs", parseApp)
	httpcaddyfile.RegisterHandlerDirective("jobs_health", parseHealth)
	httpcaddyfile.RegisterHandlerDirective("jobs_ingest", parseIngest)
	httpcaddyfile.RegisterHandlerDirective("jobs_logs", parseLogs)
	httpcaddyfile.RegisterHandlerDirective("jobs_viewer", parsePage)
	// Before all that answers any request, so that they can stand in one site,
	// and in this order.
	httpcaddyfile.RegisterDirectiveOrder("jobs_health", httpcaddyfile.Before, "respond")
	httpcaddyfile.RegisterDirectiveOrder("jobs_ingest", httpcaddyfile.Before, "respond")
	httpcaddyfile.RegisterDirectiveOrder("jobs_logs", httpcaddyfile.Before, "respond")
	httpcaddyfile.RegisterDirectiveOrder("jobs_viewer", httpcaddyfile.Before, "respond")
}

// parseApp reads the global option
//
//	jobs {
//		store         <driver> [<name>] { … }
//		poll_interval <duration>
//		linger        <duration>
//		heartbeat     <duration>
//		history       <size>
//		cache         <duration>|off
//		parking       on|off
//		stall_timeout <duration>
//		drain_timeout <duration>
//		limits {
//			viewers        <number>
//			per_address    <number>
//			per_user       <number>
//			per_job        <number>
//			new_per_second <number>
//		}
//		links         <key> [<older keys...>]
//		demo
//	}
func parseApp(d *caddyfile.Dispenser, earlier any) (any, error) {
	d.Next()
	if earlier != nil {
		return nil, d.Err("the option jobs is given twice")
	}
	app := new(App)
	err := parseBlock(d, map[string]func() error{
		"store":         func() error { return parseStore(d, app) },
		"poll_interval": func() error { return parseDuration(d, &app.PollInterval) },
		"linger":        func() error { return parseDuration(d, &app.Linger) },
		"heartbeat":     func() error { return parseDuration(d, &app.Heartbeat) },
		"history":       func() error { return parseSize(d, &app.History) },
		"cache":         func() error { return parseCache(d, app) },
		"parking":       func() error { return parseWord(d, &app.Parking) },
		"stall_timeout": func() error { return parseDuration(d, &app.StallTimeout) },
		"drain_timeout": func() error { return parseDuration(d, &app.DrainTimeout) },
		"limits":        func() error { return parseLimits(d, &app.Limits) },
		"links":         func() error { return parseLinks(d, app) },
		"demo":          func() error { return parseFlag(d, &app.Demo) },
	}, "store")
	if err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "jobs", Value: caddyconfig.JSON(app, nil)}, nil
}

// parseCache reads for how long something is kept; off is 0.
func parseCache(d *caddyfile.Dispenser, app *App) error {
	option, word := d.Val(), ""
	if err := parseWord(d, &word); err != nil {
		return err
	}
	parsed, err := caddy.ParseDuration(word)
	if word == "off" {
		parsed, err = 0, nil
	}
	if err != nil || parsed < 0 {
		return d.Errf("%s: %q is neither a duration, such as %s, nor off", option, word, defaultCache)
	}
	app.Cache = new(caddy.Duration(parsed))
	return nil
}

func parseLinks(d *caddyfile.Dispenser, app *App) error {
	app.Links = new(access.Links)
	return app.Links.Parse(d)
}

func parseStore(d *caddyfile.Dispenser, app *App) error {
	if !d.NextArg() {
		return d.Err("store: say which driver, such as: store postgres { … }")
	}
	driver, name := d.Val(), defaultStore
	if d.NextArg() {
		name = d.Val()
	}
	// Neither is told where it may be a dsn, which may have a password.
	if strings.Contains(name, "://") || strings.Contains(name, "=") {
		return d.Err("store: its name has :// or =; write a dsn in the block: dsn <dsn>")
	}
	if app.StoresRaw[name] != nil {
		return d.Errf("there are two stores named %s; give each a name: store %s <name>", name, driver)
	}
	id := "jobs.stores." + driver
	if _, err := caddy.GetModule(id); err != nil {
		return d.Errf("unknown store driver; known are %s", strings.Join(drivers(), ", "))
	}
	module, err := caddyfile.UnmarshalModule(d, id)
	if err != nil {
		return err
	}
	if app.StoresRaw == nil {
		app.StoresRaw = map[string]json.RawMessage{}
	}
	app.StoresRaw[name] = caddyconfig.JSONModuleObject(module, "driver", driver, nil)
	return nil
}

func parseLimits(d *caddyfile.Dispenser, l *Limits) error {
	return parseBlock(d, map[string]func() error{
		"viewers":        func() error { return parseNumber(d, &l.Viewers) },
		"per_address":    func() error { return parseNumber(d, &l.PerAddress) },
		"per_user":       func() error { return parseNumber(d, &l.PerUser) },
		"per_job":        func() error { return parseNumber(d, &l.PerJob) },
		"new_per_second": func() error { return parseNumber(d, &l.NewPerSecond) },
	})
}

// drivers are the names of the store drivers in this binary.
func drivers() (names []string) {
	for _, m := range caddy.GetModules("jobs.stores") {
		names = append(names, m.ID.Name())
	}
	return names
}

// parseLogs reads the directive
//
//	jobs_logs [<matcher>] {
//		store   <name>
//		path    <pattern>
//		job     <placeholder>
//		owner   <placeholder>
//		tokens {
//			key      <algorithm> <key> [<kid>]
//			jwks     <url>
//			audience <audience...>
//			issuer   <issuer>
//			cookie   <name>
//			leeway   <duration>
//		}
//		cors    <origins...>
//		allowed_hosts <names...>
//		pending <duration>
//	}
func parseLogs(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	l := new(Logs)
	return l, parseBlock(h.Dispenser, map[string]func() error{
		"store": func() error { return parseWord(h.Dispenser, &l.Store) },
		"path":  func() error { return parseWord(h.Dispenser, &l.Path) },
		"job":   func() error { return parseWord(h.Dispenser, &l.Job) },
		"owner": func() error { return parseWord(h.Dispenser, &l.Owner) },
		"cors":  func() error { return parseWords(h.Dispenser, &l.CORS) },
		"tokens": func() error {
			l.Tokens = new(access.Tokens)
			return l.Tokens.Parse(h.Dispenser)
		},
		"allowed_hosts": func() error { return parseWords(h.Dispenser, &l.AllowedHosts) },
		"pending":       func() error { return parseDuration(h.Dispenser, &l.Pending) },
	})
}

// parseIngest reads the directive
//
//	jobs_ingest [<matcher>] {
//		store      <name>
//		path       <pattern>
//		state_path <pattern>
//		job        <placeholder>
//		max_size   <size>
//		max_event  <size>
//		rate       <number>
//		allowed_hosts <names...>
//		allow      public|authenticated
//	}
func parseIngest(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	i := new(Ingest)
	return i, parseBlock(h.Dispenser, map[string]func() error{
		"store":         func() error { return parseWord(h.Dispenser, &i.Store) },
		"path":          func() error { return parseWord(h.Dispenser, &i.Path) },
		"state_path":    func() error { return parseWord(h.Dispenser, &i.StatePath) },
		"job":           func() error { return parseWord(h.Dispenser, &i.Job) },
		"max_size":      func() error { return parseSize(h.Dispenser, &i.MaxSize) },
		"max_event":     func() error { return parseSize(h.Dispenser, &i.MaxEvent) },
		"rate":          func() error { return parseNumber(h.Dispenser, &i.Rate) },
		"allowed_hosts": func() error { return parseWords(h.Dispenser, &i.AllowedHosts) },
		"allow": func() error {
			var whom string
			if err := parseWord(h.Dispenser, &whom); err != nil {
				return err
			}
			i.Public, i.Authenticated = whom == "public", whom == "authenticated"
			if !i.Public && !i.Authenticated {
				return h.Errf("allow: %q is not known; only public and authenticated are", whom)
			}
			return nil
		},
	})
}

// parseHealth reads the directive
//
//	jobs_health [<matcher>] {
//		live  <path>
//		ready <path>
//	}
func parseHealth(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	p := new(Health)
	return p, parseBlock(h.Dispenser, map[string]func() error{
		"live":  func() error { return parseWord(h.Dispenser, &p.Live) },
		"ready": func() error { return parseWord(h.Dispenser, &p.Ready) },
	})
}

// parsePage reads the directive
//
//	jobs_viewer [<matcher>] {
//		path <path>
//		logs <path or URL>
//		index
//		owner <placeholder>
//		store <name>
//		allowed_hosts <names...>
//	}
func parsePage(h httpcaddyfile.Helper) (caddyhttp.MiddlewareHandler, error) {
	h.Next()
	p := new(Page)
	return p, parseBlock(h.Dispenser, map[string]func() error{
		"path": func() error { return parseWord(h.Dispenser, &p.Path) },
		"logs": func() error { return parseWord(h.Dispenser, &p.Logs) },

		"index":         func() error { return parseFlag(h.Dispenser, &p.Index) },
		"owner":         func() error { return parseWord(h.Dispenser, &p.Owner) },
		"store":         func() error { return parseWord(h.Dispenser, &p.Store) },
		"allowed_hosts": func() error { return parseWords(h.Dispenser, &p.AllowedHosts) },
	})
}

// parseBlock reads a block of options, each of them once unless it is among
// the repeatable ones.
func parseBlock(d *caddyfile.Dispenser, options map[string]func() error, repeatable ...string) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	seen := map[string]bool{}
	for _, name := range repeatable {
		seen[name] = false
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		name := d.Val()
		parse, known := options[name]
		switch repeated := seen[name]; {
		case !known:
			return d.Errf("unknown option %q", name)
		case repeated:
			return d.Errf("%s is given twice", name)
		}
		if _, again := seen[name]; !again {
			seen[name] = true
		}
		if err := parse(); err != nil {
			return err
		}
	}
	return nil
}

func parseWord(d *caddyfile.Dispenser, word *string) error {
	option := d.Val()
	if !d.AllArgs(word) {
		return d.ArgErr()
	}
	if *word == "" {
		return d.Errf("%s has an empty value", option)
	}
	return nil
}

func parseWords(d *caddyfile.Dispenser, words *[]string) error {
	if *words = d.RemainingArgs(); len(*words) == 0 {
		return d.ArgErr()
	}
	return nil
}

func parseFlag(d *caddyfile.Dispenser, flag *bool) error {
	*flag = true
	if d.NextArg() {
		return d.ArgErr()
	}
	return nil
}

func parseDuration(d *caddyfile.Dispenser, duration *caddy.Duration) error {
	option, word := d.Val(), ""
	if err := parseWord(d, &word); err != nil {
		return err
	}
	parsed, err := caddy.ParseDuration(word)
	if err != nil || parsed <= 0 {
		return d.Errf("%s: %q is not a duration above zero, such as %s", option, word, 90*time.Second)
	}
	*duration = caddy.Duration(parsed)
	return nil
}

func parseNumber(d *caddyfile.Dispenser, number *int) error {
	option, word := d.Val(), ""
	if err := parseWord(d, &word); err != nil {
		return err
	}
	parsed, err := strconv.ParseUint(word, 10, 31)
	if err != nil || parsed == 0 {
		return d.Errf("%s: %q is not a number above zero", option, word)
	}
	*number = int(parsed)
	return nil
}

func parseSize(d *caddyfile.Dispenser, size *int64) error {
	option, word := d.Val(), ""
	if err := parseWord(d, &word); err != nil {
		return err
	}
	parsed, err := humanize.ParseBytes(word)
	const largest = 1 << 40
	if err != nil || parsed == 0 || parsed > largest {
		return d.Errf("%s: %q is not a size, such as 64MiB", option, word)
	}
	*size = int64(parsed)
	return nil
}
