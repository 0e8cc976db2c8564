// Command caddy is Caddy with caddyjobs linked in, for `go run ./cmd/caddy`.
// Users build their own with xcaddy; see the README.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/caddyjobs/caddyjobs"
)

func main() { caddycmd.Main() }
