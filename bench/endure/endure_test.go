package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// small are options under which a scenario takes moments, on any core.
func small(t *testing.T, args ...string) *options {
	t.Helper()
	o, err := parse(append(strings.Fields("-server-core -1 -generator-core -1 -viewers 30 -jobs 10 -rate 200 -calm 100 -reloads 3 "+
		"-pause 50ms -kills 2 -within 300ms -few 12 -rounds 1 -attackers 50 -pace 200 -time 500ms "+
		"-drain 2s -beside 12 -mix-time 3s -rows 20000 -scale 0.05"), args...))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // Postgres runs as somebody else
		t.Fatal(err)
	}
	t.Setenv("TMPDIR", dir)
	if err := o.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.release)
	return o
}

// holds runs a scenario, all of whose bars must hold but those that are not of
// so few viewers on a busy machine.
func holds(t *testing.T, o *options, s scenario, but ...string) {
	t.Helper()
	reports, err := o.one(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		var text strings.Builder
		if err := r.Print(&text); err != nil {
			t.Error(err)
		}
		t.Log(text.String())
		for _, figure := range r.Missed() {
			if !contains(but, figure) {
				t.Errorf("%s: %s is missed", r.Title, figure)
			}
		}
	}
}

func contains(names []string, figure string) bool {
	for _, n := range names {
		if strings.HasPrefix(figure, n) {
			return true
		}
	}
	return false
}

func TestScenarios(t *testing.T) {
	o := small(t)
	for _, s := range scenarios {
		t.Run(s.name, func(t *testing.T) { holds(t, o, s, "times", "seconds to exit", "resident") })
	}
}

// TestSpread holds what the histogram says.
func TestSpread(t *testing.T) {
	var ends []time.Duration
	for i := range 2000 {
		ends = append(ends, time.Duration(i)*time.Millisecond)
	}
	h := spread(ends)
	if h.counts[0] != 100 || h.counts[buckets-1] != 100 || h.unevenness() != 1 {
		t.Errorf("got %v", h.counts)
	}
	h = spread(append(ends, ends[400:500]...))
	if h.unevenness() != 2 || even(2000) >= 4 || even(2000) <= 2 {
		t.Errorf("got %v, unevenness %g, %g is allowed", h.counts, h.unevenness(), even(2000))
	}
	if text := h.String(); !strings.Contains(text, fmt.Sprint("0.40 s    200 ", strings.Repeat("#", 60))) {
		t.Errorf("got\n%s", text)
	}
}

// TestWriter has a writer whose database has no tables: the scene ends, and
// says why.
func TestWriter(t *testing.T) {
	o := small(t)
	ctx, s, err := o.open(t.Context(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.make(ctx, 1); err == nil {
		t.Error("a job is made in no table")
	}
	s.writer.fail(rig.ErrMissed)
	if err := s.wait(ctx, time.Minute); err == nil {
		t.Error("the scene goes on")
	}
	if err := s.close(); !errors.Is(err, rig.ErrMissed) {
		t.Errorf("got %v", err)
	}
}
