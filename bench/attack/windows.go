package main

import (
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"slices"

	"github.com/caddyjobs/caddyjobs/internal/testhttp2"
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
	client := testhttp2.Client{Scheme: "https", Authority: "localhost", Window: []uint32{testhttp2.First, testhttp2.Widest}[rand.IntN(2)]}
	requests, err := client.Requests(slices.Repeat([]string{a.path()}, streams)...)
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
