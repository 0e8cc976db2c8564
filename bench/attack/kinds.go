package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"
)

// kinds are what is done on a connection. It is closed when ctx ends, and when
// they return.
var kinds = map[string]func(ctx context.Context, a *attack, conn net.Conn){
	"streams": func(_ context.Context, a *attack, conn net.Conn) {
		if a.ask(conn, a.path(), "") {
			_, _ = io.Copy(io.Discard, conn) // until either side has had enough
		}
	},
	"heads": slowHead,
	"bombs": func(_ context.Context, a *attack, conn net.Conn) {
		a.ask(conn, a.path(), strings.Repeat("X-Bomb: "+strings.Repeat("x", 1000)+"\r\n", 1000))
	},
	"deaf": func(ctx context.Context, a *attack, conn net.Conn) {
		_ = conn.(*net.TCPConn).SetReadBuffer(2304) // the least there is
		if a.ask(conn, a.path(), "") {
			<-ctx.Done()
		}
	},
	"unknown": func(_ context.Context, a *attack, conn net.Conn) {
		a.ask(conn, fmt.Sprintf("/jobs/none-%d/logs", rand.Int64()), "")
	},
	"tokens": func(_ context.Context, a *attack, conn net.Conn) {
		a.ask(conn, "/closed/"+a.job, fmt.Sprintf("Authorization: Bearer %s%042d0\r\n", forged, rand.Int64()))
	},
	"bodies":  bodies,
	"windows": windows,
	"holes": func(_ context.Context, a *attack, conn net.Conn) {
		a.take(conn, a.path()+once(), "Last-Event-ID: "+holed(a.newest)+"\r\n")
	},
	"tails": func(_ context.Context, a *attack, conn net.Conn) {
		a.take(conn, a.path()+"?severity=critical&tail=1&follow=false", "")
	},
	"huge": func(_ context.Context, a *attack, conn net.Conn) {
		a.take(conn, "/jobs/"+a.huge+"/logs"+once(), "")
	},
}

// forged is a token but for its signature: whoever is to refuse it has to verify
// that. It says {"alg":"HS256"} and {"aud":"logs","exp":4102444800,"jobs":"*"}.
const forged = "eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiJsb2dzIiwiZXhwIjo0MTAyNDQ0ODAwLCJqb2JzIjoiKiJ9."

func (a *attack) path() string { return "/jobs/" + a.job + "/logs" }

// attempt connects, and does what is to be done.
func (a *attack) attempt(ctx context.Context, do func(context.Context, *attack, net.Conn)) {
	a.mu.Lock()
	a.attempts++
	a.mu.Unlock()
	dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: a.from.AsSlice()}, Timeout: 10 * time.Second}
	to := a.server
	if a.kind == "windows" {
		to = a.secure
	}
	conn, err := dialer.DialContext(ctx, "tcp", to.String())
	if err != nil {
		if ctx.Err() == nil {
			a.note("no connection")
		}
		return
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetLinger(0) // ports are few
	do(ctx, a, conn)
}

// ask sends a request and reads the status of its answer. It reports whether
// there was one that is good.
func (a *attack) ask(conn net.Conn, path, headers string) bool {
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: localhost\r\n%s\r\n", path, headers)
	if err != nil {
		a.note("hung up")
		return false
	}
	line, err := bufio.NewReaderSize(conn, 16).ReadSlice('\n')
	if len(line) < len("HTTP/1.1 200") {
		a.note(fmt.Sprint("hung up: ", err != nil))
		return false
	}
	status := string(line[9:12])
	a.note(status)
	return status == "200"
}

// slowHead sends a byte a second.
func slowHead(ctx context.Context, a *attack, conn net.Conn) {
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	head := "GET " + a.path() + " HTTP/1.1\r\nHost: localhost\r\nX-Slow: " + strings.Repeat("x", 1<<10)
	for i := range len(head) {
		if _, err := io.WriteString(conn, head[i:i+1]); err != nil {
			a.note("hung up")
			return
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
