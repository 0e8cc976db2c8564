package main

import (
	"slices"
	"testing"

	"go.uber.org/goleak"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestParts measures everything on a small scale: no figure is held to its bar
// here but those of the heap, which do not depend on who else runs.
func TestParts(t *testing.T) {
	o, err := parse([]string{"-opened", "3000", "-navigations", "2", "-lines", "20000", "-steps", "10", "-time", "1s"})
	if err != nil {
		t.Fatal(err)
	}
	root, program, err := build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range o.parts {
		t.Run(p.name, func(t *testing.T) {
			r, err := o.one(t.Context(), p, root, program)
			if err != nil {
				t.Fatal(err)
			}
			if err := r.Print(t.Output()); err != nil {
				t.Error(err)
			}
			if slices.ContainsFunc(r.Missed(), isHeap) {
				t.Errorf("%q", r.Missed())
			}
		})
	}
}

func isHeap(figure string) bool { return len(figure) > 4 && figure[:4] == "heap" }

// TestFigures holds how frames become figures.
func TestFigures(t *testing.T) {
	var frames []float64
	for i := range 100 {
		frames = append(frames, float64(100-i))
	}
	if p50, p95, most := quantile(frames, 0.5), quantile(frames, 0.95), quantile(frames, 1); p50 != 50 || p95 != 95 || most != 100 {
		t.Errorf("got %g, %g and %g, want 50, 95 and 100", p50, p95, most)
	}
	r := new(rig.Report)
	addFrames(r, "way", frames, 94)
	if want := []string{"way: frame p95 ms"}; !slices.Equal(r.Missed(), want) {
		t.Errorf("missed are %q, want %q", r.Missed(), want)
	}
}
