package main

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// readiness is what a node says when it is asked whether it is ready.
type readiness struct {
	answers map[string]int
	stop    context.CancelFunc
	ended   chan struct{}
}

// watchReady asks again and again, on a connection of its own each time, until
// end is called.
func (n *node) watchReady(ctx context.Context) *readiness {
	ctx, cancel := context.WithCancel(ctx)
	w := &readiness{answers: map[string]int{}, stop: cancel, ended: make(chan struct{})}
	go func() {
		defer close(w.ended)
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		ticker := time.NewTicker(200 * time.Millisecond)
		defer ticker.Stop()
		for {
			if answer := n.ready(ctx, client); ctx.Err() == nil {
				w.answers[answer]++
			}
			select {
			case <-ticker.C:
			case <-ctx.Done():
				return
			}
		}
	}()
	return w
}

// ready is what the node says, within the time that who asks has usually.
func (n *node) ready(ctx context.Context, client *http.Client) string {
	const usual = 5 * time.Second
	ctx, cancel := context.WithTimeout(ctx, usual)
	defer cancel()
	status, _, err := call(ctx, client, http.MethodGet, fmt.Sprintf("http://localhost:%d/readyz", n.plain.Port()), "")
	if err != nil {
		return "none"
	}
	return fmt.Sprint(status)
}

// end stops asking, and adds what was said.
func (w *readiness) end(r *rig.Report) {
	w.stop()
	<-w.ended
	bad := 0
	for answer, count := range w.answers {
		if answer != "200" {
			bad += count
		}
	}
	r.Add("asked whether it is ready", float64(sum(w.answers)))
	r.Hold("not ready", float64(bad), 0)
	r.Note(fmt.Sprintf("/readyz answered %v.", w.answers))
}
