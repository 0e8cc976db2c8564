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
	"sync/atomic"
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
		v := &viewer{hub: h, job: job.Job, found: job, request: request{opts: joblog.Options{Tail: -1}}, heartbeat: 15 * time.Second, stall: time.Minute}
		v.permit.Store(&permit{rules: new(rules)})
		ended := make(chan error)
		go func() {
			_, err := v.serve(ctx, w, httptest.NewRequestWithContext(ctx, http.MethodGet, "/", http.NoBody),
				newLateDeadline(w, http.NewResponseController(w), cancel))
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

// slowly is a store whose tail, or whose reads, hang, and the checks, too, if
// it is dead.
type slowly struct {
	*table
	tail, reads, dead atomic.Bool
}

func (s *slowly) Newest(ctx context.Context) (int64, error) { return 0, hang(ctx, s.dead.Load()) }

func (s *slowly) Read(ctx context.Context, q joblog.Query) (joblog.Page, error) {
	if err := hang(ctx, s.reads.Load()); err != nil {
		return joblog.Page{}, fmt.Errorf("%w: no connection is left: %w", joblog.ErrUnserved, err) // it does not know why
	}
	return s.table.Read(ctx, q)
}

func (s *slowly) Tail(ctx context.Context) (joblog.Tail, error) {
	t, err := s.table.Tail(ctx)
	return &slowTail{s, t}, err
}

type slowTail struct {
	s *slowly
	joblog.Tail
}

func (t *slowTail) Next(ctx context.Context, w joblog.Watch) (joblog.Tick, error) {
	if t.s.tail.Load() {
		t.s.tried()
		return joblog.Tick{}, hang(ctx, true)
	}
	return t.Tail.Next(ctx, w)
}

func (s *slowly) tried() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ticks++
}

func hang(ctx context.Context, hangs bool) error {
	if !hangs {
		return nil
	}
	<-ctx.Done()
	return ctx.Err()
}

// inSlowHub is inHub with a viewer of the job a, and what is logged of the store.
func inSlowHub(t *testing.T, test func(t *testing.T, s *slowly, h *hub, log *bytes.Buffer, v *viewer)) {
	t.Helper()
	inHub(t, func(t *testing.T, s *table, h *hub) {
		var log bytes.Buffer
		h.health.log = slog.New(slog.NewTextHandler(&log, nil))
		slow := &slowly{table: s}
		h.store = slow
		w := watchJob(t, h, "a")
		elapse(3 * time.Second)
		v := &viewer{hub: h}
		v.seat.Store(w)
		test(t, slow, h, &log, v)
		h.detach(w)
	})
}

// TestSlowCall has a call take longer than our time: it is not served, and the
// store answers still, unless it does not answer the check either.
func TestSlowCall(t *testing.T) {
	inSlowHub(t, func(t *testing.T, s *slowly, h *hub, log *bytes.Buffer, _ *viewer) {
		s.reads.Store(true)
		_, err := h.Read(t.Context(), joblog.Query{Job: "a"})
		if !errors.Is(err, joblog.ErrUnserved) || errors.Is(err, errStoreDown) || !h.health.well() || h.health.refused() != nil {
			t.Errorf("the store is taken for dead: %v\n%s", err, log)
		}
		if up := probe(t, h, 1); up != 1 {
			t.Error("it is said to be down")
		}
		s.dead.Store(true)
		elapse(upFor)
		_, err = h.Read(t.Context(), joblog.Query{Job: "a"})
		if !errors.Is(err, errStoreDown) || errors.Is(err, joblog.ErrUnserved) || strings.Count(log.String(), "does not answer") != 1 {
			t.Errorf("the store is not taken for dead: %v\n%s", err, log)
		}
		s.reads.Store(false)
		s.dead.Store(false)
	})
}

// TestSlowTail has the tail hang of a store that answers else: the others are
// served, its viewers hear that they wait, and it is read less and less often.
func TestSlowTail(t *testing.T) {
	inSlowHub(t, func(t *testing.T, s *slowly, h *hub, log *bytes.Buffer, v *viewer) {
		s.tail.Store(true)
		elapse(2 * callTimeout)
		if _, err := h.Read(t.Context(), joblog.Query{Job: "a"}); err != nil || !h.health.well() {
			t.Errorf("the store is taken for dead: %v\n%s", err, log)
		}
		if v.comment() != "waiting" {
			t.Error("viewers do not hear that they wait")
		}
		_, before := s.count()
		elapse(2 * time.Minute)
		if _, ticks := s.count(); ticks-before > 7 {
			t.Errorf("%d ticks in two minutes", ticks-before)
		}
		s.tail.Store(false)
		s.write("a")
		elapse(callTimeout + longestBackoff)
		synctest.Wait()
		if n := v.seat.Load().em.Next(); n != 1 || v.comment() != "" {
			t.Errorf("it does not go on: %d rows, %q", n, v.comment())
		}
		if lines := strings.Count(log.String(), "\n"); lines > 3 {
			t.Errorf("%d lines in three minutes:\n%s", lines, log)
		}
	})
}

// TestHungTail has the whole store hang, as behind a network that swallows all.
func TestHungTail(t *testing.T) {
	inSlowHub(t, func(t *testing.T, s *slowly, h *hub, log *bytes.Buffer, v *viewer) {
		s.tail.Store(true)
		s.reads.Store(true)
		s.dead.Store(true)
		elapse(callTimeout + pingTimeout + 2*time.Second)
		if h.health.well() || v.comment() != "waiting" {
			t.Errorf("the store is said to answer:\n%s", log)
		}
		_, before := s.count()
		elapse(2 * time.Minute)
		if _, ticks := s.count(); ticks-before < 4 || ticks-before > 6 {
			t.Errorf("%d ticks in two minutes", ticks-before)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 1 {
			t.Errorf("%d lines:\n%s", lines, log)
		}
		s.tail.Store(false)
		s.reads.Store(false)
		s.dead.Store(false)
		s.write("a")
		elapse(callTimeout + pingTimeout + longestBackoff)
		synctest.Wait()
		if n := v.seat.Load().em.Next(); n != 1 || v.comment() != "" {
			t.Errorf("it does not go on: %d rows, %q", n, v.comment())
		}
		if lines := strings.Count(log.String(), "\n"); lines != 2 {
			t.Errorf("%d lines:\n%s", lines, log)
		}
	})
}

// TestMisconfigured has a store that is not as configured: the log says once what is
// to be done, and again if that becomes another thing; who asks is told that much.
func TestMisconfigured(t *testing.T) {
	var log bytes.Buffer
	h := &health{log: slog.New(slog.NewTextHandler(&log, nil))}
	misfit := fmt.Errorf("looking up jobs: %w: there is no table", joblog.ErrMisconfigured)
	synctest.Test(t, func(*testing.T) {
		for _, err := range []error{errors.New("refused"), errors.New("refused"), misfit, misfit, errors.New("refused"), nil} {
			h.report(err)
			elapse(time.Minute)
		}
	})
	if said := log.String(); strings.Count(said, "the store does not answer") != 2 || strings.Count(said, "the store is not as configured; streams") != 1 ||
		!strings.Contains(said, "there is no table") || strings.Count(said, "\n") != 4 {
		t.Errorf("the log is\n%s", said)
	}
	if e := new(Logs).refuse(fmt.Errorf("%w: %w", errStoreDown, misfit)); e.status != 0 || e.reason != "the store is not as configured" {
		t.Errorf("a viewer is told: %q, status %d", e.reason, e.status)
	}
}
