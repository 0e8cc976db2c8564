package main

import (
	"context"
	"errors"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tinyRun are options under which everything takes moments, on any core.
func tinyRun(t *testing.T, args ...string) *options {
	t.Helper()
	o, err := parse(append(strings.Fields("-rounds 1 -server-core -1 -generator-core -1 -viewers 20 -idle-viewers 20 -idle-time 100ms "+
		"-settle 100ms -rates 500 -time 100ms -peak-from 400 -peak-time 50ms -peak-p99 2ms -filling 10 -jobs-rate 500 "+
		"-replay-lines 2500 -replay-viewers 20"), args...))
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestServers has 20 viewers of each server, over each protocol, that get 50
// events.
func TestServers(t *testing.T) {
	o := tinyRun(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	o.dir = t.TempDir()
	var err error
	if o.programs, err = buildAll(ctx, servers); err != nil {
		t.Fatal(err)
	}
	if err := rig.Certify(o.dir); err != nil {
		t.Fatal(err)
	}
	for _, s := range servers {
		for _, p := range s.protocols {
			t.Run(s.name+" "+string(p), func(t *testing.T) { oneServer(ctx, t, o, s, p) })
		}
	}
}

func oneServer(ctx context.Context, t *testing.T, o *options, s *server, p load.Protocol) {
	const viewers, events = 20, 50
	e, err := o.open(ctx, s, p)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := e.close(); err != nil {
			t.Error(err)
		}
		if err := syscall.Kill(-e.process.ID(), 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("processes are left: %v", err)
		}
	}()
	jobs, err := e.jobs(ctx, 1)
	if err == nil {
		err = e.view(ctx, viewers, jobs...)
	}
	if err != nil {
		t.Fatalf("%v; the server says %s", err, e.process.Tail())
	}
	if err := e.loop.Play(ctx, e.rate(events*10, time.Second/10, jobs), time.Minute); err != nil {
		t.Fatal(err)
	}
	got := e.loop.Tally
	if got.Delivered != viewers*events || e.loop.Lacking() != 0 || got.Doubled != 0 || got.Reordered != 0 {
		t.Errorf("delivered %d of %d, doubled %d, reordered %d", got.Delivered, viewers*events, got.Doubled, got.Reordered)
	}
	if cpu, err := e.process.CPU(); err != nil || cpu <= 0 {
		t.Errorf("CPU is %s, %v", cpu, err)
	}
}

// TestScenarios runs each with the server that is built soonest.
func TestScenarios(t *testing.T) {
	o := tinyRun(t, "-servers", "raw,nethttp")
	t.Setenv("TMPDIR", t.TempDir())
	if err := o.prepare(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range o.scenarios {
		r := new(report)
		o.protocols = []load.Protocol{load.Plain}
		if !o.round(t.Context(), s, r) {
			t.Errorf("%s fails: %v", s.name, r.tables[len(r.tables)-1].rows)
		}
		for _, table := range r.tables {
			for _, row := range table.rows {
				checkRow(t, table, row)
			}
		}
		t.Log(printed(t, r))
	}
}

// checkRow checks that every column has a figure.
func checkRow(t *testing.T, table *table, r *row) {
	t.Helper()
	for _, column := range table.columns {
		v, ok := r.median(column)
		if !ok || v != v || v < 0 && column != colMemory && column != colFresh && column != colStalled {
			t.Errorf("%s, %s: %s is %g, %t", table.title, r.name, column, v, ok)
		}
	}
	for _, column := range []string{colLost, colDoubled, colReordered, colLate} {
		if v, _ := r.median(column); v != 0 {
			t.Errorf("%s, %s: %s is %g", table.title, r.name, column, v)
		}
	}
}

func printed(t *testing.T, r *report) string {
	t.Helper()
	var text strings.Builder
	if err := r.print(&text); err != nil {
		t.Error(err)
	}
	return text.String()
}

// TestTables holds the form of the tables, and what passes a bar.
func TestTables(t *testing.T) {
	r := new(report)
	k := kind{"idle", "idle", []string{colMemory, colLost}}
	for name, values := range map[string][]float64{"raw": {0.1, 0.1}, ours: {3, 5, 1}} {
		for _, v := range values {
			w := r.row(k, load.Plain, name)
			w.rounds = append(w.rounds, figures{colMemory: v, colLost: v - 3})
		}
	}
	text := strings.Join(strings.Fields(printed(t, r)), " ")
	for _, want := range []string{"idle, over http/1.1", "| raw | 2 | 0.1 (1.00) | -2.9 |", "| caddyjobs | 3 | 3 (30.00) | 2 |"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
	var b strings.Builder
	if err := r.printBars(&b); err != nil {
		t.Fatal(err)
	}
	text = strings.Join(strings.Fields(b.String()), " ")
	for _, want := range []string{"KiB/viewer | 3 | ≤ 4 | passed |", "lost | 2 | ≤ 0 | FAILED |"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q lacks %q", text, want)
		}
	}
}
