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
//	bodies    requests whose bodies never come
//	holes     requests that resume with 1,001 holes
//	tails     requests for the last row of a kind of which the job has none
//	windows   connections of HTTP/2 with 250 streams, of which nothing is read
//	huge      requests for a job whose rows are as large as can be
//
// With -mix it does the last five and unknown at the same time, each from an address of its
// own: go run ./bench/endure -scenarios mix is what a server is to make of it.
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
	var server, secure, from string
	var lasts time.Duration
	var mixed bool
	var scale float64
	var only string
	flag.BoolVar(&mixed, "mix", false, "do many things at the same time")
	flag.Float64Var(&scale, "scale", 1, "how much is done of each, with -mix")
	flag.StringVar(&only, "only", "", "those of the mixture that are done, separated by commas; all if it is empty")
	flag.StringVar(&a.kind, "kind", "streams", "what is done")
	flag.StringVar(&server, "server", "127.0.0.1:8080", "whom it is done to; on loopback")
	flag.StringVar(&secure, "secure", "127.0.0.1:8443", "the same server by TLS; on loopback")
	flag.StringVar(&from, "from", "127.200.0.1", "the address that it comes from; with -mix the first of them")
	flag.StringVar(&a.job, "job", "demo", "the job whose streams are asked for")
	flag.StringVar(&a.huge, "huge", "demo", "the job with the largest rows")
	flag.Int64Var(&a.newest, "newest", 2_000_000, "the newest id of the job")
	flag.IntVar(&a.connections, "connections", 1000, "how many connections there are at most")
	flag.IntVar(&a.pace, "pace", 1000, "how many are made in a second at most")
	flag.DurationVar(&lasts, "time", time.Minute, "after how long it ends")
	flag.Parse()
	ctx, stop := context.WithTimeout(ctx, lasts)
	defer stop()
	var err, err2, err3 error
	a.server, err = netip.ParseAddrPort(server)
	a.secure, err2 = netip.ParseAddrPort(secure)
	a.from, err3 = netip.ParseAddr(from)
	all := []*attack{a}
	if mixed {
		all = a.mix(scale, only)
	}
	if err := errors.Join(err, err2, err3, together(ctx, all)); err != nil {
		fmt.Fprintln(os.Stderr, "attack:", err)
		os.Exit(1) //nolint:gocritic // what was deferred has nothing left to do
	}
	for _, a := range all {
		fmt.Println(a)
	}
}

// together makes some attacks at the same time, and says when all are under way.
func together(ctx context.Context, all []*attack) error {
	var attacking, beginning sync.WaitGroup
	errs := make([]error, len(all))
	for i, a := range all {
		beginning.Add(1)
		a.begun = sync.OnceFunc(beginning.Done)
		attacking.Go(func() {
			errs[i] = a.run(ctx)
			a.begun()
		})
	}
	beginning.Wait()
	if err := errors.Join(errs...); err == nil && ctx.Err() == nil {
		fmt.Println("all have begun")
	}
	attacking.Wait()
	return errors.Join(errs...)
}

// attack is what is done, and what came of it.
type attack struct {
	kind        string
	server      netip.AddrPort
	secure      netip.AddrPort
	from        netip.Addr
	job, huge   string
	newest      int64 // id
	connections int
	pace        int // connections a second
	begun       func()

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
	if !a.server.Addr().IsLoopback() || !a.secure.Addr().IsLoopback() || !a.from.IsLoopback() {
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

// tick gives turns at the pace, and tells when it is under way: when each
// connection that lasts was made, and where none does, after a second.
func (a *attack) tick(ctx context.Context, turns chan<- struct{}) {
	const often = 10 * time.Millisecond
	ticker := time.NewTicker(often)
	defer ticker.Stop()
	enough := a.pace
	switch a.kind {
	case "streams", "deaf", "heads", "bodies", "windows":
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
				a.begun()
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}
