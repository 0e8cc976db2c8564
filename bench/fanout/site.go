package main

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// site is where one server runs.
type site struct {
	program   string // its path
	dir       string // for what it keeps
	http      netip.AddrPort
	feed      netip.AddrPort
	cert, key string // of TLS; empty if it is not to be spoken
	heartbeat time.Duration
}

// newSite makes a site in a directory of its own.
func newSite(ctx context.Context, program, dir string, encrypted bool) (s *site, err error) {
	s = &site{program: program, heartbeat: 15 * time.Second}
	if s.dir, err = os.MkdirTemp(dir, "site"); err != nil {
		return nil, err
	}
	if encrypted {
		s.cert, s.key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	}
	var err2 error
	s.http, err = rig.FreePort(ctx)
	s.feed, err2 = rig.FreePort(ctx)
	return s, errors.Join(err, err2)
}
