package caddyjobs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestUnserved has one log that the store cannot read, though it answers: the
// others are read, and its viewer waits, asking less and less, and gets it in
// the end.
func TestUnserved(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		var log bytes.Buffer
		h.health.log = slog.New(slog.NewTextHandler(&log, nil))
		s.write("a")
		s.write("b")
		s.deny = map[string]error{"a": fmt.Errorf("%w: it takes too long", joblog.ErrUnserved)}
		job, _, err := h.lookup.job(t.Context(), joblog.Ask{ID: "a", AnyOwner: true})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		w := httptest.NewRecorder()
		v := &viewer{hub: h, job: job, request: request{opts: joblog.Options{Tail: -1}}, heartbeat: 15 * time.Second, stall: time.Minute}
		v.permit.Store(&permit{rules: new(rules)})
		ended := make(chan error)
		go func() {
			_, err := v.serve(ctx, w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody),
				newLateDeadline(w, http.NewResponseController(w)))
			ended <- err
		}()
		elapse(time.Minute)
		if !h.health.well() {
			t.Error("the store is said not to answer")
		}
		for range 10 {
			if page, err := h.Read(t.Context(), joblog.Query{Job: "b", UpTo: h.Position()}); err != nil || len(page.Events) != 1 {
				t.Errorf("the other log is %v, %v", page.Events, err)
			}
		}
		if _, err := h.Read(t.Context(), joblog.Query{Job: "a", UpTo: h.Position()}); !errors.Is(err, joblog.ErrUnserved) || errors.Is(err, errStoreDown) {
			t.Errorf("the log cannot be read: %v", err)
		}
		s.mu.Lock()
		if s.reads < 15 || s.reads > 40 {
			t.Errorf("%d reads in a minute", s.reads)
		}
		s.deny = nil
		s.mu.Unlock()
		elapse(longestBackoff + firstBackoff)
		synctest.Wait()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if body := w.Body.String(); !strings.Contains(body, ": waiting\n") || strings.Count(body, `"event_message":"row"`) != 1 {
			t.Errorf("the viewer got\n%s", body)
		}
		if lines := strings.Count(log.String(), "it takes too long"); lines < 1 || lines > 2 {
			t.Errorf("%d lines were logged in a minute:\n%s", lines, &log)
		}
	})
}
