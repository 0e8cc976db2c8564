package parking

import (
	"crypto/tls"
	"errors"
	"net"
	"reflect"
)

// A TLS connection writes to its socket as Go does, which may block, and cannot
// take back a record that was written in part. So what it writes is diverted:
// the socket gets what it takes at once, and the rest is kept. crypto/tls has
// no way to say so; if it is not any more as this expects, TLS streams are not
// parked.

var errTLS = errors.New("crypto/tls is not as expected")

// below is where a TLS connection has what it writes to. It fails with errTLS.
func below(c *tls.Conn) (*net.Conn, error) {
	field := reflect.ValueOf(c).Elem().FieldByName("conn")
	if !field.IsValid() || field.Type() != reflect.TypeFor[net.Conn]() {
		return nil, errTLS
	}
	return (*net.Conn)(field.Addr().UnsafePointer()), nil
}

// diverted is the socket of a TLS connection, to which a Conn writes.
type diverted struct {
	net.Conn
	c *Conn
}

// Write takes all there is.
func (d diverted) Write(b []byte) (int, error) {
	if err := d.c.put(b); err != nil {
		return 0, err
	}
	return len(b), nil
}

// divert is called when nobody else uses the connection any more.
func (c *Conn) divert() {
	if c.tls == nil {
		return
	}
	if under, err := below(c.tls); err == nil { // newConn looked
		*under = diverted{c.socket, c}
	}
}
