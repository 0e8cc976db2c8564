package rig

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// Report is what one scenario gave: figures, some of which have a bar.
type Report struct {
	Title string
	rows  []row
	notes []string
}

type row struct {
	figure string
	value  float64
	held   bool // it has a bar
	atMost float64
}

// Add adds a figure.
func (r *Report) Add(figure string, value float64) {
	r.rows = append(r.rows, row{figure: figure, value: value})
}

// Hold adds a figure that must not exceed a bar.
func (r *Report) Hold(figure string, value, atMost float64) {
	r.rows = append(r.rows, row{figure, value, true, atMost})
}

// Note adds lines to be printed below the table.
func (r *Report) Note(text string) { r.notes = append(r.notes, text) }

func (w row) passed() bool { return !w.held || w.value <= w.atMost }

// Missed are the figures that miss their bars.
func (r *Report) Missed() (figures []string) {
	for _, w := range r.rows {
		if !w.passed() {
			figures = append(figures, w.figure)
		}
	}
	return figures
}

// Print prints a table of Markdown that is also legible as it is. It returns
// errors of out.
func (r *Report) Print(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintf(w, "\n%s\n\n| figure\t| is\t| to be\t| \t|\n|---\t|---\t|---\t|---\t|\n", r.Title)
	for _, row := range r.rows {
		bar, verdict := "", ""
		if row.held {
			bar, verdict = "≤ "+Number(row.atMost), map[bool]string{true: "passed", false: "MISSED"}[row.passed()]
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t|\n", row.figure, Number(row.value), bar, verdict)
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
