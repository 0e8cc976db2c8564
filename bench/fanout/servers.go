package main

import (
	"slices"
	"strconv"

	"github.com/caddyjobs/caddyjobs/bench/load"
)

// server is one of those that are compared.
type server struct {
	name string
	// program is its key in builds.
	program string
	// protocols are those it speaks.
	protocols []load.Protocol
	// command writes what the server needs at a site, and returns how it is
	// started.
	command func(*site) ([]string, error)
	// form is how it takes events; nil for load.Lines.
	form func() load.Form
	// keeps is true if viewers who come late get the whole log, and its end.
	keeps bool
}

var (
	unencrypted = []load.Protocol{load.Plain}
	every       = []load.Protocol{load.Plain, load.TLS, load.HTTP2}
)

// servers are all there are.
var servers = []*server{
	{name: "raw", program: "raw", protocols: unencrypted, command: rawWriter(1), keeps: true},
	{name: "raw-batch", program: "raw", protocols: unencrypted, command: rawWriter(32), keeps: true},
	{name: "nethttp", program: "nethttp", protocols: every, command: goServer(), keeps: true},
	{name: "nethttp-batch", program: "nethttp", protocols: unencrypted, command: goServer("-gather"), keeps: true},
	{name: "caddy-plain", program: "caddy", protocols: every, command: caddy(plainConfig), keeps: true},
	{name: "nchan", program: "nginx", protocols: every, command: nginx, form: func() load.Form { return new(load.Nchan) }},
	{name: "centrifuge", program: "centrifuge", protocols: every, command: goServer()},
	{name: "caddyjobs", program: "caddy", protocols: every, command: caddy(storeConfig), keeps: true},
	{
		name: "caddyjobs-sqlite", program: "caddy", protocols: unencrypted, command: caddy(sqliteConfig), keeps: true,
		form: func() load.Form { return new(load.Ingest) },
	},
}

func (s *server) speaks(p load.Protocol) bool { return slices.Contains(s.protocols, p) }

// newForm is how the server takes events.
func (s *server) newForm() load.Form {
	if s.form == nil {
		return new(load.Lines)
	}
	return s.form()
}

// rawWriter is bench/raw, with this many events a write.
func rawWriter(gather int) func(*site) ([]string, error) {
	return func(s *site) ([]string, error) {
		return []string{
			s.program, strconv.Itoa(int(s.http.Port())), strconv.Itoa(int(s.feed.Port())),
			strconv.Itoa(int(s.heartbeat.Seconds())), strconv.Itoa(gather),
		}, nil
	}
}

// goServer is bench/nethttp, or a peer with the same flags.
func goServer(flags ...string) func(*site) ([]string, error) {
	return func(s *site) ([]string, error) {
		argv := append([]string{s.program, "-listen", s.http.String(), "-heartbeat", s.heartbeat.String()}, flags...)
		if s.cert != "" {
			argv = append(argv, "-cert", s.cert, "-key", s.key)
		}
		return argv, nil
	}
}
