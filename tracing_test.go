package caddyjobs

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// receiver takes spans as an OpenTelemetry collector does.
type receiver struct {
	mu    sync.Mutex
	spans []*otlp.Span
	bad   []string
}

// newReceiver has Caddy's tracing export to a receiver, soon.
func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := new(receiver)
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	for name, value := range map[string]string{
		"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
		"OTEL_EXPORTER_OTLP_ENDPOINT": server.URL, "OTEL_BSP_SCHEDULE_DELAY": "20",
	} {
		t.Setenv(name, value)
	}
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var request collector.ExportTraceServiceRequest
	body, err := io.ReadAll(req.Body)
	if err != nil || req.URL.Path != "/v1/traces" || proto.Unmarshal(body, &request) != nil {
		r.bad = append(r.bad, req.URL.Path)
	}
	for _, resource := range request.GetResourceSpans() {
		for _, scope := range resource.GetScopeSpans() {
			r.spans = append(r.spans, scope.GetSpans()...)
		}
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	w.WriteHeader(http.StatusOK)
}

// named are the spans with a name that came so far.
func (r *receiver) named(name string) (spans []*otlp.Span) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, s := range r.spans {
		if s.GetName() == name {
			spans = append(spans, s)
		}
	}
	return spans
}

// await waits for the nth span with a name.
func (r *receiver) await(t *testing.T, name string, n int) *otlp.Span {
	t.Helper()
	eventually(t, "there is a span "+name, func() bool { return len(r.named(name)) >= n })
	return r.named(name)[n-1]
}

// about is a span's attributes of ours, in order.
func about(s *otlp.Span) string {
	var b strings.Builder
	for _, a := range s.GetAttributes() {
		b.WriteString(strings.TrimPrefix(a.GetKey(), "jobs.") + "=")
		switch v := a.GetValue(); {
		case v.GetStringValue() != "":
			b.WriteString(v.GetStringValue())
		default:
			b.WriteString(strings.Trim(strings.SplitN(v.String(), ":", 2)[1], `"`))
		}
		b.WriteString(" ")
	}
	return strings.TrimSpace(b.String())
}

const traced = "tracing {\n span request\n}\n"

// TestTraces watches jobs by requests that are traced.
func TestTraces(t *testing.T) {
	r := newReceiver(t)
	s := newSite(t, sqliteStore, traced+both)
	s.post(t, "job", "0", "1", "2")
	st := s.get(t, "/jobs/job/logs")
	st.until("caught_up")
	connect, replay := r.await(t, "jobs connect", 1), r.await(t, "jobs replay", 1) // while the stream goes on
	if got := about(connect); got != "store=default id=job format=text/event-stream resumed=false found=true" {
		t.Errorf("connect is about %s", got)
	}
	if got := about(replay); got != "rows=3" {
		t.Errorf("replay is about %s", got)
	}
	s.post(t, "job", "3")
	st.until(`"3"`)
	eventually(t, "a poll has rows", func() bool {
		for _, poll := range r.named("jobs poll") {
			if about(poll) == "store=default rows=1 watched=1" && len(poll.GetParentSpanId()) == 0 {
				return true
			}
		}
		return false
	})
	s.put(t, "job", "completed")
	st.rest()
	if st := s.get(t, "/jobs/other/logs"); st.status != http.StatusNotFound {
		t.Errorf("%d", st.status)
	}
	if got := about(r.await(t, "jobs connect", 2)); got != "store=default id=other format=text/event-stream resumed=false found=false" {
		t.Errorf("connect is about %s", got)
	}
	st = s.get(t, "/jobs/job/logs?format=text", "Last-Event-ID", "1")
	st.rest()
	if got := about(r.await(t, "jobs connect", 3)); got != "store=default id=job format=text/plain; charset=utf-8 resumed=true found=true" {
		t.Errorf("connect is about %s", got)
	}
	if got := about(r.await(t, "jobs replay", 2)); got != "rows=3" {
		t.Errorf("replay is about %s", got)
	}
	requests := map[string]bool{}
	r.await(t, "request", 6)
	for _, request := range r.named("request") {
		requests[string(request.GetSpanId())] = true
	}
	for _, span := range append(r.named("jobs connect"), r.named("jobs replay")...) {
		if !requests[string(span.GetParentSpanId())] {
			t.Errorf("%s is not within a request", span.GetName())
		}
	}
	if len(r.bad) > 0 {
		t.Errorf("the receiver got %q", r.bad)
	}
}

// TestNoTraces serves a request that is not traced: that costs nothing.
func TestNoTraces(t *testing.T) {
	inHub(t, func(t *testing.T, _ *table, h *hub) {
		v := &viewer{hub: h}
		allocated := testing.AllocsPerRun(100, func() {
			spans := h.connect(t.Context(), "job", &v.request)
			spans.found(nil)
			v.spans = spans
			v.replaying(nil)
			v.replayed()
			spans.end()
			h.tracePoll(v.begun, 1, 1, nil)
		})
		if allocated != 0 {
			t.Errorf("it takes %v allocations", allocated)
		}
	})
}
