package caddyjobs

import (
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// client is who watches, as far as is known.
type client struct {
	address  netip.Addr // not valid if it came through a unix socket
	user     string     // empty if nobody asked
	protocol string     // such as HTTP/2.0
	path     string     // the handler's, with {id} in it
}

// clientOf is who makes a request: its address is that which Caddy found behind
// the proxies it trusts.
func clientOf(r *http.Request, path string) client {
	c := client{user: replace(r, userPlaceholder), protocol: r.Proto, path: path}
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	c.address, _ = netip.ParseAddr(text)
	return c
}

// userPlaceholder is whom an authentication handler let in.
const userPlaceholder = "{http.auth.user.id}"
