// Command nethttp serves bench/topics with net/http and nothing else: the floor
// of what a Go program pays for a stream that has a goroutine.
package main

import (
	"context"
	"flag"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/feed"
	"github.com/caddyjobs/caddyjobs/bench/topics"
)

func main() {
	address := flag.String("listen", "", "the `address` to serve on")
	certificate := flag.String("cert", "", "the `file` of the certificate; it makes the server speak TLS and HTTP/2")
	key := flag.String("key", "", "the `file` of its key")
	gather := flag.Bool("gather", false, "flush once when all that there is has been written")
	heartbeat := flag.Duration("heartbeat", 15*time.Second, "how often every viewer gets a comment")
	flag.Parse()
	t := &topics.Topics{Gather: *gather, Heartbeat: *heartbeat}
	go func() { fail(t.Listen(context.Background(), os.Getenv(feed.Variable))) }()
	server := &http.Server{Addr: *address, Handler: t, ReadHeaderTimeout: time.Minute}
	if *certificate != "" {
		fail(server.ListenAndServeTLS(*certificate, *key))
	}
	fail(server.ListenAndServe())
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "nethttp:", err)
	os.Exit(1)
}
