package main

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// report is what one scenario gave.
type report struct {
	title string
	rows  []row
	notes []string
}

type row struct {
	figure string
	value  float64
	held   bool // it has a bar
	atMost float64
}

// add adds a figure.
func (r *report) add(figure string, value float64) {
	r.rows = append(r.rows, row{figure: figure, value: value})
}

// hold adds a figure that must not exceed a bar.
func (r *report) hold(figure string, value, atMost float64) {
	r.rows = append(r.rows, row{figure, value, true, atMost})
}

// note adds lines to be printed below the table.
func (r *report) note(text string) { r.notes = append(r.notes, text) }

func (w row) passed() bool { return !w.held || w.value <= w.atMost }

// missed reports whether a bar is.
func (r *report) missed() bool {
	for _, w := range r.rows {
		if !w.passed() {
			return true
		}
	}
	return false
}

// print prints a table of Markdown that is also legible as it is.
func (r *report) print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintf(w, "\n%s\n\n| figure\t| is\t| to be\t| \t|\n|---\t|---\t|---\t|---\t|\n", r.title)
	for _, row := range r.rows {
		bar, verdict := "", ""
		if row.held {
			bar, verdict = "≤ "+rig.Number(row.atMost), map[bool]string{true: "passed", false: "MISSED"}[row.passed()]
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t|\n", row.figure, rig.Number(row.value), bar, verdict)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for _, text := range r.notes {
		if _, err := fmt.Fprintf(out, "\n%s\n", text); err != nil {
			return err
		}
	}
	return nil
}

// tell adds what became of the events, and what was computed meanwhile.
func (s *scene) tell(r *report, before, after rig.Spent) {
	t := s.loop.Tally
	r.add("events delivered", float64(t.Delivered))
	r.hold("lost", s.lost(), 0)
	r.hold("doubled", float64(t.Doubled), 0)
	r.hold("out of order", float64(t.Reordered), 0)
	r.add("seconds", after.At.Sub(before.At).Seconds())
	if after.Server > 0 {
		r.add("CPU of the servers %", after.Since(before, func(s rig.Spent) time.Duration { return s.Server }))
	}
	r.add("of the generator %", after.Since(before, func(s rig.Spent) time.Duration { return s.Own }))
	r.add("of others %", after.Others(before))
}
