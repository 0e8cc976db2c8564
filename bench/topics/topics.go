// Package topics is the minimal broadcaster of Server-Sent Events that a Go
// programmer writes first: a handler that waits on a channel, writes and
// flushes. bench/nethttp serves it with net/http alone, and bench/plain as a
// handler in Caddy.
package topics

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/feed"
)

// Topics are the logs of all jobs, whole and ready to be sent, and an
// http.Handler of GET /jobs/{id}/logs.
type Topics struct {
	// Gather makes a viewer's goroutine flush once when it has written all that
	// there is; else it flushes each event.
	Gather bool
	// Heartbeat is how often every viewer gets a comment.
	Heartbeat time.Duration

	mu   sync.Mutex
	jobs map[string]*topic
}

// topic is the log of one job.
type topic struct {
	mu     sync.Mutex
	frames [][]byte
	ended  bool
	wake   chan struct{} // closed, and replaced, when there is more
}

// Listen serves the feed until ctx ends.
func (t *Topics) Listen(ctx context.Context, address string) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("listening for the feed: %w", err)
	}
	return feed.Serve(ctx, l, t.take, func() int64 { return 0 })
}

func (t *Topics) take(lines []feed.Line) {
	for _, line := range lines {
		t.job(line.Job).add(line)
	}
}

func (t *Topics) job(name string) *topic {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.jobs == nil {
		t.jobs = map[string]*topic{}
	}
	if t.jobs[name] == nil {
		t.jobs[name] = &topic{wake: make(chan struct{})}
	}
	return t.jobs[name]
}

func (t *topic) add(line feed.Line) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if line.State != "" {
		t.ended = true
		t.frames = append(t.frames, fmt.Appendf(nil, "data: {\"type\":\"complete\",\"state\":%q}\n\n", line.State))
	} else {
		id := len(t.frames) + 1
		t.frames = append(t.frames, fmt.Appendf(nil,
			"id: %d\ndata: {\"log\":{\"event_id\":%d,\"task_id\":%q,\"event_message\":%q,\"severity\":\"info\",\"event_time\":%d}}\n\n",
			id, id, line.Job, line.Message, time.Now().UnixMilli()))
	}
	close(t.wake)
	t.wake = make(chan struct{})
}

// after is what follows the first n frames.
func (t *topic) after(n int) (frames [][]byte, ended bool, wake <-chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.frames[n:], t.ended, t.wake
}

// ServeHTTP serves a stream.
func (t *Topics) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name, found := strings.CutSuffix(strings.TrimPrefix(r.URL.Path, "/jobs/"), "/logs")
	if !found {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	_ = t.stream(r.Context(), w, t.job(name)) // it fails when the client is gone
}

func (t *Topics) stream(ctx context.Context, w http.ResponseWriter, job *topic) error {
	flusher := http.NewResponseController(w)
	send := func(gather bool, frames ...[]byte) error {
		for i, frame := range frames {
			if _, err := w.Write(frame); err != nil {
				return err
			}
			if gather && i < len(frames)-1 {
				continue
			}
			if err := flusher.Flush(); err != nil {
				return err
			}
		}
		return nil
	}
	beat := time.NewTicker(t.Heartbeat)
	defer beat.Stop()
	err := send(false, []byte("retry: 2000\n\n"))
	for n := 0; err == nil; {
		frames, ended, wake := job.after(n)
		if err = send(t.Gather, frames...); err != nil || ended {
			return err
		}
		n += len(frames)
		select {
		case <-wake:
		case <-beat.C:
			err = send(false, []byte(":\n"))
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return err
}
