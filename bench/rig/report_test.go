package rig

import (
	"slices"
	"strings"
	"testing"
)

// TestReport holds the form of the tables, and what misses a bar.
func TestReport(t *testing.T) {
	r := &Report{Title: "title"}
	r.Add("free", 5)
	r.Hold("good", 1, 1)
	if r.Missed() != nil {
		t.Error("a bar is missed that is met")
	}
	r.Hold("bad", 2, 1)
	var b strings.Builder
	if err := r.Print(&b); err != nil || !slices.Equal(r.Missed(), []string{"bad"}) {
		t.Errorf("missed %v, %v", r.Missed(), err)
	}
	text := strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"title", "| free | 5 | | |", "| good | 1 | ≤ 1 | passed |", "| bad | 2 | ≤ 1 | MISSED |"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
}
