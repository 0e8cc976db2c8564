package caddyjobs

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// dashboard is what a test looks at of a Grafana dashboard.
type dashboard struct {
	Templating struct {
		List []struct{ Name, Type string }
	}
	Panels []struct {
		ID          int
		Title, Type string
		Datasource  origin
		Targets     []struct {
			RefID      string
			Expr       string
			Datasource origin
		}
	}
}

type origin struct{ UID string }

// TestDashboard checks that the dashboard shows each metric, and no other, by
// labels that it has, and from the data source that is chosen.
func TestDashboard(t *testing.T) {
	file, err := os.ReadFile("grafana/dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var d dashboard
	if err := json.Unmarshal(file, &d); err != nil {
		t.Fatal(err)
	}
	if len(d.Templating.List) == 0 || d.Templating.List[0].Name != "datasource" || d.Templating.List[0].Type != "datasource" {
		t.Errorf("its variables are %v", d.Templating.List)
	}
	labels := map[string][]string{} // by metric
	for _, name := range registered() {
		name, of, _ := strings.Cut(strings.TrimSuffix(name, "}"), "{")
		labels[name] = append(strings.Split(of, ","), "instance")
	}
	shown, ids := map[string]bool{}, map[int]bool{}
	for _, p := range d.Panels {
		if ids[p.ID] {
			t.Errorf("%s: there is another panel %d", p.Title, p.ID)
		}
		ids[p.ID] = true
		if p.Type != "row" && (p.Datasource.UID != "${datasource}" || len(p.Targets) == 0) {
			t.Errorf("%s: the data source is %q, there are %d targets", p.Title, p.Datasource.UID, len(p.Targets))
		}
		for _, target := range p.Targets {
			if target.Datasource.UID != "${datasource}" {
				t.Errorf("%s: the data source of %s is %q", p.Title, target.RefID, target.Datasource.UID)
			}
			name := metricOf(target.Expr)
			if shown[name] = true; labels[name] == nil {
				t.Errorf("%s: there is no metric %s", p.Title, name)
			}
			for _, l := range labelsOf(target.Expr) {
				if !slices.Contains(labels[name], l) {
					t.Errorf("%s: %s has no label %s", p.Title, name, l)
				}
			}
		}
	}
	for name := range labels {
		if !shown[name] {
			t.Errorf("%s is not shown", name)
		}
	}
}

// metricOf is the metric of an expression; of a series of a histogram, the
// histogram.
func metricOf(expr string) string {
	name := regexp.MustCompile(`caddyjobs_\w+`).FindString(expr)
	for _, series := range []string{"_bucket", "_count"} {
		name = strings.TrimSuffix(name, series)
	}
	return name
}

// labelsOf are the labels by which an expression selects and sums, but the one
// that buckets have.
func labelsOf(expr string) (labels []string) {
	for _, m := range regexp.MustCompile(`by \(([^)]*)\)`).FindAllStringSubmatch(expr, -1) {
		labels = append(labels, strings.Split(m[1], ", ")...)
	}
	for _, m := range regexp.MustCompile(`(\w+)=~?"`).FindAllStringSubmatch(expr, -1) {
		labels = append(labels, m[1])
	}
	return slices.DeleteFunc(labels, func(l string) bool { return l == "le" })
}
