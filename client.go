package caddyjobs

import (
	"net/http"
	"net/netip"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// client is who watches, as far as is known.
type client struct {
	address  netip.Addr // not valid if it came through a unix socket that is not trusted
	user     string     // empty if nobody asked
	protocol string     // such as HTTP/2.0
	path     string     // the handler's, with {id} in it
}

// clientOf is who makes a request: its address is that which Caddy found behind
// the proxies it trusts.
func clientOf(r *http.Request, path string) client {
	c := client{user: replace(r, userPlaceholder), protocol: protocolOf(r), path: path}
	text, _ := caddyhttp.GetVar(r.Context(), caddyhttp.ClientIPVarKey).(string)
	c.address, _ = netip.ParseAddr(text)
	return c
}

// protocolOf is the protocol that is spoken. A client may name any version
// below HTTP/2 with a 1 before the point, and metrics have a label of this.
func protocolOf(r *http.Request) string {
	if r.ProtoMajor == 1 && r.ProtoMinor > 1 {
		return "HTTP/1.1"
	}
	return r.Proto
}

// userPlaceholder is whom an authentication handler let in.
const userPlaceholder = "{http.auth.user.id}"
