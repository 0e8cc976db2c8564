package parking

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"reflect"
	"strings"
)

// ErrKeep is wrapped by the errors of Take.
var ErrKeep = errors.New("the response cannot leave its handler")

type connKey struct{}

// Connection is the connection of a request, by its context; nil if its server has
// no ConnContext. Over HTTP/2 it carries other requests, too.
func Connection(ctx context.Context) net.Conn {
	c, _ := ctx.Value(connKey{}).(net.Conn)
	return c
}

// ConnContext lets Connection and Take find the connection of a request: it is for
// a server's ConnContext.
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if ctx.Value(connKey{}) != nil {
		return ctx // another handler of the same server was first
	}
	return context.WithValue(ctx, connKey{}, c)
}

// Take hijacks the connection of a response whose head has been written and
// flushed. What is written to it from now on passes no middleware, so it is
// left alone, with an error that wraps ErrKeep, unless all that is there is
// known to let the body through unchanged. The handler is to return.
func Take(w http.ResponseWriter, r *http.Request) (*Conn, error) {
	if r.ProtoMajor != 1 {
		return nil, fmt.Errorf("%w: it is one of several on an %s connection", ErrKeep, r.Proto)
	}
	if coding := w.Header().Get("Content-Encoding"); coding != "" {
		return nil, fmt.Errorf("%w: something encodes it as %s", ErrKeep, coding)
	}
	c, err := newConn(Connection(r.Context()))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeep, err)
	}
	inner, err := innermost(w)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeep, err)
	}
	if _, _, err := inner.Hijack(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrKeep, err)
	}
	c.divert()
	c.chunked = r.ProtoAtLeast(1, 1)
	return c, nil
}

// caddyhttp is the package of Caddy's HTTP server and, below it, its middleware.
const caddyhttp = "github.com/caddyserver/caddy/v2/modules/caddyhttp"

// passes reports whether a wrapper of a response is known to pass a body on unchanged,
// or to show that it does not: by Buffered, or a Content-Encoding. Any other wrapper may
// change the body, now or in its next version.
func passes(wrapper string) bool {
	name, ok := strings.CutPrefix(wrapper, caddyhttp)
	if !ok {
		return false
	}
	switch name {
	case ".ResponseWriterWrapper",
		".responseRecorder",                     // log, templates; it buffers if asked to
		".IdleTimeoutWriter",                    // the server's timeouts, timeouts
		".readDeadlineWriter",                   // the same
		"/encode.responseWriter",                // it encodes some types only
		"/headers.responseWriterWrapper",        // the head only
		"/intercept.interceptedResponseHandler", // a recorder
		"/push.linkPusher":                      // the head only
		return true
	}
	return false
}

// innermost is what the server made, below all wrappers.
func innermost(w http.ResponseWriter) (http.Hijacker, error) {
	for {
		wrapper, ok := w.(interface{ Unwrap() http.ResponseWriter })
		if !ok {
			break
		}
		if b, ok := w.(interface{ Buffered() bool }); ok && b.Buffered() {
			return nil, fmt.Errorf("a %T buffers it", w)
		}
		if !passes(packageOf(w) + "." + typeOf(w).Name()) {
			return nil, fmt.Errorf("a %T may change it", w)
		}
		w = wrapper.Unwrap()
	}
	h, ok := w.(http.Hijacker)
	if !ok || packageOf(w) != "net/http" {
		return nil, fmt.Errorf("a %T is not of a connection", w)
	}
	return h, nil
}

func packageOf(v any) string { return typeOf(v).PkgPath() }

// typeOf is the type of a value, or of what it points to.
func typeOf(v any) reflect.Type {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// newConn is a connection that can be written to without blocking.
func newConn(carrier net.Conn) (*Conn, error) {
	c := &Conn{socket: bare(carrier)}
	if secure, ok := c.socket.(*tls.Conn); ok {
		if _, err := below(secure); err != nil {
			return nil, err
		}
		c.tls, c.socket = secure, secure.NetConn()
	}
	switch socket := c.socket.(type) {
	case *net.TCPConn, *net.UnixConn:
		return c, c.locate(socket)
	default:
		return nil, fmt.Errorf("its connection is a %T", socket)
	}
}

// bare is what a wrapper of Caddy's, which looks at the first bytes a client
// sends, has inside.
func bare(c net.Conn) net.Conn {
	if c == nil || packageOf(c) != caddyhttp {
		return c
	}
	v := reflect.Indirect(reflect.ValueOf(c))
	if inner := v.FieldByName("Conn"); inner.IsValid() && inner.CanInterface() {
		if conn, ok := inner.Interface().(net.Conn); ok {
			return bare(conn)
		}
	}
	return c
}
