package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"time"
)

// mixture is what is done at the same time: how many connections there are of
// each kind, and how many are made in a second.
var mixture = []struct {
	kind              string
	connections, pace int
}{
	{"bodies", 1000, 200},
	{"holes", 16, 10},
	{"tails", 100, 20},
	{"windows", 4, 4},
	{"huge", 10, 2},
	{"unknown", 50, 100},
}

// mix are those attacks of the mixture on the server of a that are named, so
// much of each. They come from the addresses that follow a's.
func (a *attack) mix(scale float64, only string) (all []*attack) {
	some := func(n int) int { return max(1, int(scale*float64(n))) }
	from := a.from
	for _, m := range mixture {
		from = from.Next()
		if only != "" && !slices.Contains(strings.Split(only, ","), m.kind) {
			continue
		}
		all = append(all, &attack{
			kind: m.kind, connections: some(m.connections), pace: some(m.pace), from: from, answers: map[string]int{},
			server: a.server, secure: a.secure, job: a.job, huge: a.huge, newest: a.newest,
		})
	}
	return all
}

// enough is how long an answer is read that does not end.
const enough = 5 * time.Second

// take asks, and reads what comes, for as long as is enough.
func (a *attack) take(conn net.Conn, path, headers string) {
	_ = conn.SetDeadline(time.Now().Add(enough))
	if a.ask(conn, path, headers+"Connection: close\r\n") {
		_, _ = io.Copy(io.Discard, conn) // until either side has had enough
	}
}

// once asks for an answer that ends, or for one that does not.
func once() string { return []string{"?follow=false", ""}[rand.IntN(2)] }

// holed is an id with 1,001 holes of one row each, which is as many as fit if they are
// far from each other.
func holed(newest int64) string {
	const holes, apart = 1000, "-zz" // of 1,295 ids
	return fmt.Sprint(max(newest, (holes+2)*1295), "~1", strings.Repeat(apart, holes))
}

// promises are requests whose bodies are yet to come, and never do. All are for
// handlers that are ours: for others Caddy has timeouts.
var promises = []string{
	"GET %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n",
	"GET %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n123",
	"GET %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12",
	"GET %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n",
	"HEAD %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n",
	"POST %s HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n",
}

// bodies sends a request without its body, and waits to be cut.
func bodies(ctx context.Context, a *attack, conn net.Conn) {
	path := []string{a.path(), "/jobs/none/logs"}[rand.IntN(2)]
	if _, err := fmt.Fprintf(conn, promises[rand.IntN(len(promises))], path); err != nil {
		a.note("hung up")
		return
	}
	_, _ = io.Copy(io.Discard, conn)
	if ctx.Err() == nil {
		a.note("cut")
	} else {
		a.note("held to the end")
	}
}
