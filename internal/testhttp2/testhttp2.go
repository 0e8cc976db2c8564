// Package testhttp2 speaks HTTP/2 as no well-kept client does, to try a server.
package testhttp2

import (
	"bytes"
	"errors"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// Flow-control windows, in bytes.
const (
	First  = 65535     // the default of every connection
	Widest = 1<<31 - 1 // larger than all socket buffers together
)

// Client describes the client of one connection.
type Client struct {
	Scheme, Authority string
	// Window is the window of each stream. The window of the connection is the same, and
	// at least First.
	Window uint32
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
