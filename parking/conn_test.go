package parking

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// pair is a server's connection and its client's, whose socket buffers are
// small.
func pair(t testing.TB, secure bool) (*Conn, net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	_ = client.(*net.TCPConn).SetReadBuffer(8 << 10)
	server, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_ = server.(*net.TCPConn).SetWriteBuffer(32 << 10)
	t.Cleanup(func() { _, _ = client.Close(), server.Close() })
	if secure {
		client, server = handshake(t, client, server)
	}
	c, err := newConn(server)
	if err != nil {
		t.Fatal(err)
	}
	c.divert()
	return c, client
}

func handshake(t testing.TB, client, server net.Conn) (net.Conn, net.Conn) {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler()) // it has a certificate, and clients that trust it
	defer s.Close()
	tlsServer := tls.Server(server, &tls.Config{Certificates: s.TLS.Certificates})
	config := s.Client().Transport.(*http.Transport).TLSClientConfig.Clone()
	config.ServerName = "example.com"
	tlsClient := tls.Client(client, config)
	failed := make(chan error, 1)
	go func() { failed <- tlsClient.Handshake() }()
	if err := tlsServer.Handshake(); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return tlsClient, tlsServer
}

// TestSend writes more than the sockets hold, of which nothing blocks and
// nothing is lost.
func TestSend(t *testing.T) {
	for name, secure := range map[string]bool{"plain": false, "tls": true} {
		t.Run(name, func(t *testing.T) {
			c, client := pair(t, secure)
			var want bytes.Buffer
			full := false
			for !full { // the client reads nothing yet
				b := make([]byte, joblog.ChunkRoom+5000)
				_, _ = rand.Read(b)
				want.Write(b[joblog.ChunkRoom:])
				var err error
				if full, err = c.Send(b); err != nil || want.Len() > 64<<20 {
					t.Fatal(want.Len(), err)
				}
			}
			w, err := newWatcher()
			if err != nil {
				t.Fatal(err)
			}
			defer w.close()
			if err := w.add(int32(c.fd), 7, true); err != nil {
				t.Fatal(err)
			}
			got := make(chan []byte)
			go func() {
				b := make([]byte, want.Len())
				_, _ = io.ReadFull(client, b)
				got <- b
			}()
			for full {
				changes, err := w.wait()
				if err != nil {
					t.Fatal(err)
				}
				if !changes[0].writable || changes[0].id != 7 || changes[0].hungUp {
					t.Fatalf("%+v", changes[0])
				}
				if full, err = c.flush(); err != nil {
					t.Fatal(err)
				}
				if err := w.expect(int32(c.fd), 7); err != nil {
					t.Fatal(err)
				}
			}
			if b := <-got; !bytes.Equal(b, want.Bytes()) {
				t.Error("what came is not what was sent")
			}
			_ = client.Close()
			for {
				if changes, err := w.wait(); err != nil || changes[0].hungUp {
					break
				}
			}
		})
	}
}

type wrapper struct{ http.ResponseWriter }

func (w wrapper) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// TestPasses knows the wrappers of Caddy's by name, and no other of its package.
func TestPasses(t *testing.T) {
	for wrapper, want := range map[string]bool{
		caddyhttp + ".ResponseWriterWrapper":        true,
		caddyhttp + "/encode.responseWriter":        true,
		caddyhttp + ".somethingOfItsNextVersion":    false,
		caddyhttp + "/encode.somethingElse":         false,
		caddyhttp + "extra.ResponseWriterWrapper":   false,
		"example.com/plugin.ResponseWriterWrapper":  false,
		"github.com/caddyserver/caddy/v2.delegator": false,
		"example.com/fork/" + caddyhttp + ".a":      false,
	} {
		if got := passes(wrapper); got != want {
			t.Errorf("%s: %t, want %t", wrapper, got, want)
		}
	}
}

// TestTake leaves alone what it does not know.
func TestTake(t *testing.T) {
	refused := make(chan error, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wrapped" {
			w = wrapper{w}
		}
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		c, err := Take(w, r)
		refused <- err
		if err == nil {
			_, _ = c.Send(append(make([]byte, joblog.ChunkRoom), "hello"...))
			_, _ = c.end()
			c.close(true)
		}
	}))
	s.EnableHTTP2 = true
	s.Config.ConnContext = ConnContext
	s.StartTLS()
	defer s.Close()
	for _, c := range []struct {
		path string
		h2   bool
		want string
	}{
		{"/", false, ""},
		{"/", true, "the response cannot leave its handler: it is one of several on an HTTP/2.0 connection"},
		{"/wrapped", false, "the response cannot leave its handler: a parking.wrapper may change it"},
	} {
		transport := s.Client().Transport.(*http.Transport).Clone()
		transport.ForceAttemptHTTP2 = c.h2
		if !c.h2 {
			transport.TLSClientConfig.NextProtos = []string{"http/1.1"}
		}
		resp, err := (&http.Client{Transport: transport}).Get(s.URL + c.path)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		transport.CloseIdleConnections()
		got := ""
		if err := <-refused; err != nil {
			got = err.Error()
		}
		if got != c.want || err != nil || (string(body) == "hello") != (c.want == "") {
			t.Errorf("%s, HTTP/2 %v: %q, body %q, %v", c.path, c.h2, got, body, err)
		}
	}
}
