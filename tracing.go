package caddyjobs

import (
	"context"
	"errors"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// scope is what our spans say they are of.
const scope = "github.com/caddyjobs/caddyjobs"

// tracers is the provider that a hub's polls are traced by: that of the last
// request that was traced, as a poll is for all and has no request of its own.
type tracers struct{ trace.TracerProvider }

// spans are those of one request, of which one is open at a time: first connect,
// from the lookup of the job to the head of the response, then replay, until the
// stream is live or its handler returns. Without Caddy's handler tracing before
// ours they are nil, and cost nothing.
type spans struct {
	ctx    context.Context // of the request's own span
	tracer trace.Tracer
	open   trace.Span // nil if none is
}

// connect begins to trace a request.
func (h *hub) connect(ctx context.Context, job string, r *request) *spans {
	parent := trace.SpanFromContext(ctx)
	if !parent.IsRecording() {
		return nil
	}
	h.tracers.Store(&tracers{parent.TracerProvider()})
	s := &spans{ctx: ctx, tracer: parent.TracerProvider().Tracer(scope)}
	s.begin("jobs connect",
		attribute.String("jobs.store", h.meters.Load().name), attribute.String("jobs.id", job),
		attribute.String("jobs.format", r.opts.Format.ContentType()), attribute.Bool("jobs.resumed", r.resumed))
	return s
}

func (s *spans) begin(name string, about ...attribute.KeyValue) {
	_, s.open = s.tracer.Start(s.ctx, name, trace.WithAttributes(about...))
}

// end ends the span that is open, if one is, with what else is known of it.
func (s *spans) end(about ...attribute.KeyValue) {
	if s != nil && s.open != nil {
		s.open.SetAttributes(about...)
		s.open.End()
		s.open = nil
	}
}

// found takes the outcome of the lookup.
func (s *spans) found(err error) {
	if s == nil {
		return
	}
	if s.open.SetAttributes(attribute.Bool("jobs.found", err == nil)); err != nil && !errors.Is(err, errNotFound) {
		s.open.SetStatus(codes.Error, err.Error())
	}
}

// replaying begins to trace the replay. It returns what run is to ask instead of
// park, which notices when the stream is live.
func (v *viewer) replaying(park func(joblog.State) bool) func(joblog.State) bool {
	if v.spans == nil {
		return park
	}
	v.spans.end()
	v.spans.begin("jobs replay")
	return func(state joblog.State) bool {
		if v.stream.Live() {
			v.replayed()
		}
		return park(state)
	}
}

// replayed ends the trace of the replay, if it has not ended.
func (v *viewer) replayed() {
	if v.spans != nil {
		v.spans.end(attribute.Int64("jobs.rows", v.stream.Rows()))
		v.spans = nil
	}
}

// tracePoll tells of a poll that has just ended.
func (h *hub) tracePoll(began time.Time, rows, jobs int, err error) {
	t := h.tracers.Load()
	if t == nil {
		return
	}
	_, span := t.Tracer(scope).Start(h.life, "jobs poll", trace.WithNewRoot(), trace.WithTimestamp(began), trace.WithAttributes(
		attribute.String("jobs.store", h.meters.Load().name), attribute.Int("jobs.rows", rows), attribute.Int("jobs.watched", jobs)))
	if err != nil {
		span.SetStatus(codes.Error, err.Error())
	}
	span.End()
}
