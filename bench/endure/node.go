package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// caddyfile is a node's config. What an HTTP/2 connection took is given back
// only after the idle timeout, if a stream was open when it was cut: Go's server
// starts the timer once more then. It is 5 minutes by default.
const caddyfile = `{
	admin unix/%[1]s/admin
	persist_config off
	auto_https off
	log {
		level WARN
	}
	servers {
		protocols h1 h2
		timeouts {
			idle 1s
		}
	}
	jobs {
		store %[2]s
		linger 1s
		drain_timeout %[9]s
		heartbeat %[3]dms
		poll_interval %[4]dms
		%[5]s
	}
}
http://localhost:%[6]d {
	bind 127.0.0.1
	jobs_health
	jobs_ingest
	jobs_logs
	jobs_logs {
		path /closed/{id}
		tokens {
			key HS256 a-secret-that-no-attacker-of-these-knows
			audience logs
		}
	}
}
https://localhost:%[7]d {
	bind 127.0.0.1
	tls %[8]s/cert.pem %[8]s/key.pem
	jobs_logs
}
`

// node is one Caddy.
type node struct {
	*options
	home          string
	db            database
	plain, secure netip.AddrPort
	process       *rig.Process
	admin         *http.Client
}

// newNode starts a node, which makes the database if it is not there.
func newNode(ctx context.Context, o *options, dir string, db database) (*node, error) {
	n := &node{options: o, home: dir, db: db}
	n.admin = &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true, // nothing of ours is to be found inside
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "admin"))
		},
	}}
	var err, err2 error
	n.plain, err = rig.FreePort(ctx)
	n.secure, err2 = rig.FreePort(ctx)
	if err := errors.Join(err, err2, os.Mkdir(dir, 0o700)); err != nil {
		return nil, err
	}
	return n, n.start(ctx)
}

// config is the node's config, which is another one for each number.
func (n *node) config(number int) string {
	return fmt.Sprintf(caddyfile, n.home, n.db.store, 15_000+number, 1000+10*number, strings.Join(n.lines, "\n\t\t"),
		n.plain.Port(), n.secure.Port(), n.dir, n.drain)
}

// start starts the process, and returns when it serves logs.
func (n *node) start(ctx context.Context) (err error) {
	file := filepath.Join(n.home, "Caddyfile")
	if err := os.WriteFile(file, []byte(n.config(0)), 0o600); err != nil {
		return err
	}
	if n.process, err = rig.Launch([]string{n.programs["caddyjobs"], "run", "--config", file}, n.home, n.serverCore); err != nil {
		return err
	}
	if err := errors.Join(n.process.Listens(ctx, n.plain), n.process.Listens(ctx, n.secure)); err != nil {
		return err
	}
	return n.use(ctx)
}

// use asks for a job that is not there, so that the store is opened.
func (n *node) use(ctx context.Context) error {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: longestCall}
	status, body, err := call(ctx, client, http.MethodGet, fmt.Sprintf("http://localhost:%d/jobs/nobody/logs", n.plain.Port()), "")
	if err == nil && status != http.StatusNotFound {
		err = fmt.Errorf("a job that is not there: %d %s", status, body)
	}
	return err
}

// reload changes the config in place.
func (n *node) reload(ctx context.Context, number int) error {
	status, body, err := call(ctx, n.admin, http.MethodPost, "http://localhost/load", n.config(number))
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("reload %d: %d %s", number, status, body)
	}
	return err
}

// longestCall bounds a request of ours.
const longestCall = time.Minute

func call(ctx context.Context, client *http.Client, method, url, body string) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, longestCall)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Content-Type", "text/caddyfile")
	resp, err := client.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// address is where the node speaks a protocol.
func (n *node) address(p load.Protocol) netip.AddrPort {
	if p == load.Plain {
		return n.plain
	}
	return n.secure
}
