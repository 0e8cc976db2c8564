// Package testhttp2 speaks HTTP/2 as no well-kept client does, to try a server.
package testhttp2

import (
	"bytes"
	"errors"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Windows that a client may have the server fill before it takes anything.
const (
	First  = 65535     // bytes, which all connections begin with
	Widest = 1<<31 - 1 // more than all buffers on the way hold
)

// Client is what a connection begins with, and each of its requests says.
type Client struct {
	Scheme, Authority string
	Window            uint32 // of each stream, in bytes; the connection's is no less, but for small ones
}

// Requests are the bytes that ask for paths by GET, on a stream of one connection
// each.
func (c Client) Requests(paths ...string) ([]byte, error) {
	var b, block bytes.Buffer
	b.WriteString(http2.ClientPreface)
	f, e := http2.NewFramer(&b, nil), hpack.NewEncoder(&block)
	err := f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: c.Window}, http2.Setting{ID: http2.SettingEnablePush})
	if c.Window > First {
		err = errors.Join(err, f.WriteWindowUpdate(0, c.Window-First))
	}
	for i, path := range paths {
		block.Reset()
		for _, h := range [][2]string{{":method", "GET"}, {":scheme", c.Scheme}, {":authority", c.Authority}, {":path", path}} {
			err = errors.Join(err, e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}))
		}
		err = errors.Join(err, f.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*i + 1), BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
	}
	return b.Bytes(), err
}
