package caddyjobs

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// figures are what a fresh registry shows, by name and labels: of a histogram,
// how often it was observed.
func figures(t *testing.T) map[string]float64 {
	t.Helper()
	r := prometheus.NewRegistry()
	for range 2 { // a config may have us twice
		if err := metrics.register(r); err != nil {
			t.Fatal(err)
		}
	}
	families, err := r.Gather()
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			value := m.GetGauge().GetValue() + m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
			name := f.GetName()
			all[name] += value // of all labels
			for _, l := range m.GetLabel() {
				name += fmt.Sprintf("{%s=%s}", l.GetName(), l.GetValue())
			}
			all[name] = value
		}
	}
	return all
}

// TestMetrics watches a job in two ways.
func TestMetrics(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	eventually(t, "streams of other tests are gone", func() bool { return figures(t)["caddyjobs_streams"] == 0 })
	before := figures(t)
	s.post(t, "job", "one")
	streams := []*stream{s.get(t, "/jobs/job/logs"), s.get(t, "/jobs/job/logs?format=text")}
	for _, st := range streams {
		st.until("one")
	}
	eventually(t, "two streams are open", func() bool { return figures(t)["caddyjobs_streams"]-before["caddyjobs_streams"] == 2 })
	s.post(t, "job", "two", "three")
	s.put(t, "job", "completed")
	bytes := 0
	for _, st := range streams {
		bytes += len(st.rest())
	}
	eventually(t, "no stream is open", func() bool { return figures(t)["caddyjobs_streams"] == before["caddyjobs_streams"] })
	after := figures(t)
	for name, want := range map[string]float64{"caddyjobs_streams_ended_total{reason=complete}": 2, "caddyjobs_sent_events_total": 6, "caddyjobs_streams_parked": 0} {
		if got := after[name] - before[name]; got != want {
			t.Errorf("%s rose by %v, want %v", name, got, want)
		}
	}
	if got := after["caddyjobs_sent_bytes_total"] - before["caddyjobs_sent_bytes_total"]; got < float64(bytes) {
		t.Errorf("%v bytes are counted, and %d came in the end alone", got, bytes)
	}
}

// TestMetricsOfImpatience has a client leave before there was an answer. Nobody is
// to blame.
func TestMetricsOfImpatience(t *testing.T) {
	s := newSite(t, sqliteStore, "jobs_logs {\n pending 1h\n}")
	eventually(t, "earlier streams are gone", func() bool { return everyone.count() == 0 })
	before := figures(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://site/jobs/later/logs", nil)
	if err != nil {
		t.Fatal(err)
	}
	left := make(chan error)
	go func() {
		resp, err := s.client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		left <- err
	}()
	eventually(t, "it waits", func() bool { return everyone.count() == 1 })
	cancel()
	if err := <-left; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	const all = "caddyjobs_refusals_total"
	eventually(t, "it is counted", func() bool { return figures(t)[all] > before[all] })
	if name := all + "{reason=hung up}"; figures(t)[name] != before[name]+1 {
		t.Errorf("counted is %v, want one more that hung up than of %v", figures(t), before)
	}
}

// TestMetricsOfOddVersions has a client that names a version which does not
// exist: what it says is no label.
func TestMetricsOfOddVersions(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	s.post(t, "job", "one")
	if _, resp := s.raw(t, "HTTP/1.7", "/jobs/job/logs"); resp.StatusCode != http.StatusOK {
		t.Fatal(resp.Status)
	}
	for name := range figures(t) {
		if strings.Contains(name, "1.7") {
			t.Errorf("there is a %s", name)
		}
	}
}

// TestMetricsAreInTheReadme compares what is registered with the manual.
func TestMetricsAreInTheReadme(t *testing.T) {
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	want := regexp.MustCompile("(?m)^\\| `(caddyjobs_[a-z_]+(?:{[a-z_,]+})?)`").FindAllStringSubmatch(string(readme), -1)
	var rows []string
	for _, m := range want {
		rows = append(rows, m[1])
	}
	have := registered()
	slices.Sort(rows)
	if !slices.Equal(have, rows) {
		t.Errorf("registered are %v, the README has %v", have, rows)
	}
}

// registered are the names of our metrics with their labels, sorted.
func registered() (names []string) {
	descriptions := make(chan *prometheus.Desc)
	go func() {
		defer close(descriptions)
		for _, c := range metrics.all {
			c.Describe(descriptions)
		}
	}()
	form := regexp.MustCompile(`fqName: "(\w+)".* variableLabels: ({[\w,]*})`)
	for d := range descriptions {
		m := form.FindStringSubmatch(d.String())
		names = append(names, strings.TrimSuffix(m[1]+m[2], "{}"))
	}
	slices.Sort(names)
	return names
}
