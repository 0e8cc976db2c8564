package main

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/centrifugal/centrifuge"
)

// handler serves a stream of the channel /jobs/{id}/logs.
type handler struct {
	node      *centrifuge.Node
	heartbeat time.Duration
}

// ServeHTTP serves a stream.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, found := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/jobs/"), "/logs")
	if !found {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	t := &transport{w: w, flusher: http.NewResponseController(w), heartbeat: h.heartbeat, closed: make(chan struct{})}
	client, end, err := centrifuge.NewClient(r.Context(), h.node, t)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	client.Connect(centrifuge.ConnectRequest{Data: []byte(name)})
	select {
	case <-r.Context().Done():
	case <-t.closed:
	}
	_ = end() // the stream is over in any case
	_ = t.Close(centrifuge.DisconnectConnectionClosed)
}

// transport writes what the library's goroutine of a client brings it.
type transport struct {
	heartbeat time.Duration

	mu      sync.Mutex
	w       http.ResponseWriter
	flusher *http.ResponseController
	closed  chan struct{}
	over    bool
}

// Name is that of Centrifugo's transport.
func (*transport) Name() string { return "uni_sse" }

// AcceptProtocol is for metrics only.
func (*transport) AcceptProtocol() string { return "" }

// Protocol is JSON.
func (*transport) Protocol() centrifuge.ProtocolType { return centrifuge.ProtocolTypeJSON }

// ProtocolVersion is the current one.
func (*transport) ProtocolVersion() centrifuge.ProtocolVersion { return centrifuge.ProtocolVersion2 }

// Unidirectional is true: clients only read.
func (*transport) Unidirectional() bool { return true }

// Emulation is false: clients only read.
func (*transport) Emulation() bool { return false }

// DisabledPushFlags disables nothing.
func (*transport) DisabledPushFlags() uint64 { return 0 }

// PingPongConfig asks for pings and expects no answer.
func (t *transport) PingPongConfig() centrifuge.PingPongConfig {
	return centrifuge.PingPongConfig{PingInterval: t.heartbeat, PongTimeout: -1}
}

// Write writes one event.
func (t *transport) Write(message []byte) error { return t.WriteMany(message) }

// WriteMany writes events in one go.
func (t *transport) WriteMany(messages ...[]byte) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return http.ErrServerClosed
	}
	for _, m := range messages {
		_, err := t.w.Write([]byte("data: "))
		_, err2 := t.w.Write(m)
		_, err3 := t.w.Write([]byte("\n\n"))
		if err := errors.Join(err, err2, err3); err != nil {
			return err
		}
	}
	return t.flusher.Flush()
}

// Close ends the stream.
func (t *transport) Close(centrifuge.Disconnect) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.over {
		t.over = true
		close(t.closed)
	}
	return nil
}
