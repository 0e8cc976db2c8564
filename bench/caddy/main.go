// Command caddy is Caddy with what bench/fanout measures linked in: caddyjobs,
// the store jobs.stores.bench and the handler http.handlers.bench_plain.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddyjobs/caddyjobs"
	_ "github.com/caddyjobs/caddyjobs/bench/plain"
	_ "github.com/caddyjobs/caddyjobs/bench/store"
)

func main() { caddycmd.Main() }
