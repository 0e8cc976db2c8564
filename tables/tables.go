// Package tables is the part of a store's configuration that names the
// application's tables and columns, for stores that read SQL databases.
package tables

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
)

// defaultTerminalAfter is enough for a worker that sets the state and a writer
// of logs that commits at about the same time, and is not noticed.
const defaultTerminalAfter = 250 * time.Millisecond

// Tables are the two tables a store reads. They belong to the application.
type Tables struct {
	// Events is the table that holds the logs.
	Events EventsTable `json:"events,omitzero"`
	// Jobs is the table that holds the jobs and their states.
	Jobs JobsTable `json:"jobs,omitzero"`
}

// EventsTable names the table of events and its columns.
type EventsTable struct {
	// Table is the table's name. Default: vibe_events.
	Table string `json:"table,omitempty"`
	// ID is the column of the event's id: an integer, unique, which the
	// database gives out ascending from 1. Default: event_id.
	ID string `json:"id,omitempty"`
	// Job is the column of the id of the job that the event belongs to.
	// Default: task_id.
	Job string `json:"job,omitempty"`
	// Message is the column of the text. Default: event_message.
	Message string `json:"message,omitempty"`
	// Severity is the column of the severity, such as info. Default: severity.
	Severity string `json:"severity,omitempty"`
	// Time is the column of the time: an integer, in seconds or milliseconds
	// since 1970, which is passed through, or the database's type for dates
	// with times, which becomes milliseconds. Default: event_time.
	Time string `json:"time,omitempty"`
}

// JobsTable names the table of jobs and its columns.
type JobsTable struct {
	// Table is the table's name. Default: vibe_tasks.
	Table string `json:"table,omitempty"`
	// ID is the column of the job's id. Default: task_id.
	ID string `json:"id,omitempty"`
	// State is the column of the job's state. Default: execution_state.
	State string `json:"state,omitempty"`
	// Terminal are the states after which nothing more will come.
	// Default: completed and failed.
	Terminal []string `json:"terminal,omitempty"`
	// TerminalAfter is for how long a stream stays live after a terminal state was
	// first seen, so that rows that are committed after the state are shown, too;
	// only then the end is told. If the state ceases to be terminal meanwhile, the
	// stream goes on. 0 is for not at all. Default: 250ms. A config reload changes
	// it in place.
	TerminalAfter *caddy.Duration `json:"terminal_after,omitempty"`
	// Owner is the column that says whom the job belongs to, needed for checks
	// of who may see what. Default: none.
	Owner string `json:"owner,omitempty"`
}

// SetDefaults fills in what is not configured.
func (t *Tables) SetDefaults() {
	e, j := &t.Events, &t.Jobs
	for field, value := range map[*string]string{
		&e.Table: "vibe_events", &e.ID: "event_id", &e.Job: "task_id", &e.Message: "event_message",
		&e.Severity: "severity", &e.Time: "event_time",
		&j.Table: "vibe_tasks", &j.ID: "task_id", &j.State: "execution_state",
	} {
		if *field == "" {
			*field = value
		}
	}
	if len(j.Terminal) == 0 {
		j.Terminal = []string{"completed", "failed"}
	}
	if j.TerminalAfter == nil {
		j.TerminalAfter = new(caddy.Duration(defaultTerminalAfter))
	}
}

// Validate reports the first thing wrong, after SetDefaults.
func (t *Tables) Validate() error {
	e, j := &t.Events, &t.Jobs
	for _, n := range []struct{ what, name string }{
		{"events: table", e.Table},
		{"events: id", e.ID},
		{"events: job", e.Job},
		{"events: message", e.Message},
		{"events: severity", e.Severity},
		{"events: time", e.Time},
		{"jobs: table", j.Table},
		{"jobs: id", j.ID},
		{"jobs: state", j.State},
	} {
		if n.name == "" {
			return fmt.Errorf("%s: the name is empty", n.what)
		}
		if strings.ContainsRune(n.name, 0) {
			return fmt.Errorf("%s: the name %q has a NUL", n.what, n.name)
		}
	}
	if strings.ContainsRune(j.Owner, 0) {
		return fmt.Errorf("jobs: owner: the name %q has a NUL", j.Owner)
	}
	if len(j.Terminal) == 0 || slices.Contains(j.Terminal, "") {
		return fmt.Errorf("jobs: terminal: want one state or more, none of them empty")
	}
	if t.TerminalAfter() < 0 {
		return fmt.Errorf("jobs: terminal_after is %s; it must not be negative", t.TerminalAfter())
	}
	return nil
}

// Identity tells the tables apart from all others: it is equal for equal
// names only. The terminal states count, too: they change what is read.
// After how long they are told does not.
func (t *Tables) Identity() string {
	return fmt.Sprintf("%q", append([]string{
		t.Events.Table, t.Events.ID, t.Events.Job, t.Events.Message, t.Events.Severity, t.Events.Time,
		t.Jobs.Table, t.Jobs.ID, t.Jobs.State, t.Jobs.Owner,
	}, t.Jobs.Terminal...))
}

// Quote writes a name as SQL has it, whatever is in it.
func Quote(name string) string {
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// HasOwner reports whether jobs have an owner.
func (t *Tables) HasOwner() bool { return t.Jobs.Owner != "" }

// TerminalAfter is how long after it was seen the end of a job is told.
func (t *Tables) TerminalAfter() time.Duration {
	if t.Jobs.TerminalAfter == nil {
		return defaultTerminalAfter
	}
	return time.Duration(*t.Jobs.TerminalAfter)
}
