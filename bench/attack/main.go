// Command attack is what strangers do to a server, from an address of its own:
// bench/endure measures what others notice of it. It speaks to loopback only,
// and stops by itself.
//
//	streams   connections that ask for a stream each, read it, and come again
//	heads     connections that send a request of which each second one byte comes
//	bombs     requests with a megabyte of headers
//	deaf      connections that ask for a stream each, and read nothing
//	unknown   requests for jobs that are not there
//	tokens    requests with a token that is none
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() {
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	a := newAttack()
	var server, from string
	var lasts time.Duration
	flag.StringVar(&a.kind, "kind", "streams", "what is done")
	flag.StringVar(&server, "server", "127.0.0.1:8080", "whom it is done to; on loopback")
	flag.StringVar(&from, "from", "127.200.0.1", "the address that it comes from")
	flag.StringVar(&a.job, "job", "demo", "the job whose streams are asked for")
	flag.IntVar(&a.connections, "connections", 1000, "how many connections there are at most")
	flag.IntVar(&a.pace, "pace", 1000, "how many are made in a second at most")
	flag.DurationVar(&lasts, "time", time.Minute, "after how long it ends")
	flag.Parse()
	ctx, stop := context.WithTimeout(ctx, lasts)
	defer stop()
	var err, err2 error
	a.server, err = netip.ParseAddrPort(server)
	a.from, err2 = netip.ParseAddr(from)
	if err := errors.Join(err, err2, a.run(ctx)); err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1) //nolint:gocritic // what was deferred has nothing left to do
	}
	fmt.Println(a)
}

// attack is what is done, and what came of it.
type attack struct {
	kind        string
	server      netip.AddrPort
	from        netip.Addr
	job         string
	connections int
	pace        int // connections a second

	mu       sync.Mutex
	attempts int
	answers  map[string]int
}

func newAttack() *attack { return &attack{answers: map[string]int{}} }

// String is what came of it.
func (a *attack) String() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return fmt.Sprintf("%s: %d connections, answers %v", a.kind, a.attempts, a.answers)
}

// note counts what an attempt came to.
func (a *attack) note(answer string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answers[answer]++
}

var errElsewhere = errors.New("only this machine may be attacked")

// run attacks until ctx ends.
func (a *attack) run(ctx context.Context) error {
	do, ok := kinds[a.kind]
	if !ok {
		return fmt.Errorf("there is no kind %q", a.kind)
	}
	if !a.server.Addr().IsLoopback() || !a.from.IsLoopback() {
		return errElsewhere
	}
	turns := make(chan struct{})
	var working sync.WaitGroup
	working.Go(func() { a.tick(ctx, turns) })
	for range a.connections {
		working.Go(func() {
			for {
				select {
				case <-turns:
					a.attempt(ctx, do)
				case <-ctx.Done():
					return
				}
			}
		})
	}
	working.Wait()
	return nil
}

// tick gives turns at the pace, and says when it is under way: when each
// connection that lasts was made, and where none does, after a second.
func (a *attack) tick(ctx context.Context, turns chan<- struct{}) {
	const often = 10 * time.Millisecond
	ticker := time.NewTicker(often)
	defer ticker.Stop()
	enough := a.pace
	switch a.kind {
	case "streams", "deaf", "heads":
		enough = a.connections
	}
	for begun, given := time.Now(), 0; ; {
		for due := int(time.Since(begun).Seconds() * float64(a.pace)); given < due; {
			select {
			case turns <- struct{}{}:
			case <-ctx.Done():
				return
			}
			if given++; given == enough {
				fmt.Println("all have begun")
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
