package caddyjobs

import (
	"reflect"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/modules/caddyhttp"
)

// chosen is the advice where clients can choose the address that they count by.
const chosen = "clients can choose the address that limits count them by: the server trusts proxies, and takes the first address of X-Forwarded-For, " +
	"which a client can send; say trusted_proxies_strict beside trusted_proxies in the global option servers, or let client_ip_headers be one that the proxy sets anew"

// adviseProxies notes that advice, if the server of a handler needs it.
func (a *App) adviseProxies(ctx caddy.Context) {
	server, ok := ctx.Value(caddyhttp.ServerCtxKey).(*caddyhttp.Server)
	if ok && trusting(server) && !slices.Contains(a.advice, chosen) {
		a.advice = append(a.advice, chosen)
	}
}

// trusting reports whether a server takes a client's address from a list to which
// each proxy adds, from the end that is the client's. Caddy does not tell whether it
// trusts proxies; if it is not any more as this expects, it is as if it did not.
func trusting(server *caddyhttp.Server) bool {
	source := reflect.ValueOf(server).Elem().FieldByName("trustedProxies")
	trusts := source.IsValid() && source.Kind() == reflect.Interface && !source.IsNil()
	return (trusts || server.TrustedProxiesUnix) && server.TrustedProxiesStrict == 0 &&
		slices.ContainsFunc(server.ClientIPHeaders, func(name string) bool { return strings.EqualFold(name, "X-Forwarded-For") })
}
