// Command centrifuge is a peer that bench/fanout measures: Centrifugo's library
// with Server-Sent Events in one direction, as Centrifugo itself serves them.
// It takes the same feed as the others, see bench/feed, but is of a module of
// its own, so that ours does not depend on the library.
package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/centrifugal/centrifuge"
)

func main() {
	address := flag.String("listen", "", "the `address` to serve on")
	certificate := flag.String("cert", "", "the `file` of the certificate; it makes the server speak TLS and HTTP/2")
	key := flag.String("key", "", "the `file` of its key")
	heartbeat := flag.Duration("heartbeat", 15*time.Second, "how often every viewer gets a ping")
	flag.Parse()
	node, err := newNode()
	if err != nil {
		fail(err)
	}
	go func() { fail(listen(node, os.Getenv("BENCH_FEED"))) }()
	server := &http.Server{Addr: *address, Handler: &handler{node, *heartbeat}, ReadHeaderTimeout: time.Minute}
	if *certificate != "" {
		fail(server.ListenAndServeTLS(*certificate, *key))
	}
	fail(server.ListenAndServe())
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "centrifuge:", err)
	os.Exit(1)
}

// newNode makes a node that subscribes clients to the channel that they name
// when they connect. Queues are large enough to lose nobody in a burst.
func newNode() (*centrifuge.Node, error) {
	node, err := centrifuge.New(centrifuge.Config{ClientQueueMaxSize: 64 << 20, ClientChannelLimit: 1})
	if err != nil {
		return nil, fmt.Errorf("making the node: %w", err)
	}
	node.OnConnecting(func(_ context.Context, e centrifuge.ConnectEvent) (centrifuge.ConnectReply, error) {
		return centrifuge.ConnectReply{
			Credentials:   &centrifuge.Credentials{},
			Subscriptions: map[string]centrifuge.SubscribeOptions{string(e.Data): {}},
		}, nil
	})
	if err := node.Run(); err != nil {
		return nil, fmt.Errorf("running the node: %w", err)
	}
	return node, nil
}

// listen takes events.
func listen(node *centrifuge.Node, address string) error {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listening for the feed: %w", err)
	}
	for {
		conn, err := l.Accept()
		if err != nil {
			return fmt.Errorf("the feed: %w", err)
		}
		go take(node, conn)
	}
}

func take(node *centrifuge.Node, conn net.Conn) {
	defer conn.Close()
	lines := bufio.NewScanner(bufio.NewReaderSize(conn, 64<<10))
	for id := 1; lines.Scan(); {
		if lines.Text() == "?" {
			fmt.Fprintln(conn, 0)
			continue
		}
		job, message, _ := strings.Cut(lines.Text(), " ")
		if strings.HasPrefix(message, "!") {
			continue // there is no end here
		}
		data := fmt.Appendf(nil, `{"log":{"event_id":%d,"task_id":%q,"event_message":%q,"severity":"info","event_time":%d}}`,
			id, job, message, time.Now().UnixMilli())
		if _, err := node.Publish(job, data); err != nil {
			fail(err)
		}
		id++
	}
}
