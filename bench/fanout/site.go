package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	mathrand "math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"
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
	s.http, err = freePort(ctx)
	s.feed, err2 = freePort(ctx)
	return s, errors.Join(err, err2)
}

// freePort is a port that nobody listens on. It is none of those that the
// kernel gives to clients, of which there will be many.
func freePort(ctx context.Context) (netip.AddrPort, error) {
	var err error
	for range 100 {
		port := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(10_000+mathrand.IntN(20_000)))
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", port.String()); err == nil {
			return port, l.Close()
		}
	}
	return netip.AddrPort{}, fmt.Errorf("looking for a port: %w", err)
}

// certify makes a certificate for localhost.
func certify(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), DNSNames: []string{"localhost"},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(48 * time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "cert.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), 0o600),
		os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), 0o600),
	)
}
