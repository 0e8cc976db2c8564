package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
)

// FreePort is a port that nobody listens on. It is none of those that the
// kernel gives to clients, of which there will be many.
func FreePort(ctx context.Context) (netip.AddrPort, error) {
	var err error
	for range 100 {
		port := netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), uint16(10_000+rand.IntN(20_000)))
		var l net.Listener
		if l, err = new(net.ListenConfig).Listen(ctx, "tcp", port.String()); err == nil {
			return port, l.Close()
		}
	}
	return netip.AddrPort{}, fmt.Errorf("looking for a port: %w", err)
}
