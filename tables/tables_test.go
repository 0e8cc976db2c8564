package tables

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parseAll reads a file of events and jobs blocks.
func parseAll(input string) (Tables, error) {
	var t Tables
	d := caddyfile.NewTestDispenser(input)
	for d.Next() {
		parse := t.ParseEvents
		if d.Val() == "jobs" {
			parse = t.ParseJobs
		}
		if err := parse(d); err != nil {
			return t, err
		}
	}
	return t, nil
}

// ends are tables of which only the states and their time are given.
func ends(after time.Duration, states ...string) Tables {
	return Tables{Jobs: JobsTable{Terminal: states, TerminalAfter: new(caddy.Duration(after))}}
}

func TestParse(t *testing.T) {
	full := Tables{
		Events: EventsTable{Table: "ev", ID: "a", Job: "b", Message: "c d", Severity: "e", Time: "f"},
		Jobs:   JobsTable{Table: "tasks", ID: "g", State: "h", Terminal: []string{"done", "gone away"}, Owner: "i"},
	}
	for input, want := range map[string]Tables{
		"events ev {\nid a\njob b\nmessage \"c d\"\nseverity e\ntime f\n}\n" +
			"jobs tasks {\nid g\nstate h\nterminal done \"gone away\"\nowner i\n}": full,
		"events ev":          {Events: EventsTable{Table: "ev"}},
		"events {\nid a\n}":  {Events: EventsTable{ID: "a"}},
		"events":             {},
		"jobs tasks {\n}":    {Jobs: JobsTable{Table: "tasks"}},
		"jobs {\nowner o\n}": {Jobs: JobsTable{Owner: "o"}},
		"jobs {\nterminal done gone after 1m30s\n}":   ends(90*time.Second, "done", "gone"),
		"jobs {\nterminal done after 0s\n}":           ends(0, "done"),
		"jobs {\nterminal done after 1d\n}":           ends(24*time.Hour, "done"),
		"jobs {\nterminal after 10s\n}":               ends(10 * time.Second),
		"jobs {\nterminal \"after\" done after 1s\n}": ends(time.Second, "after", "done"),
		"jobs {\nterminal done `after`\n}":            {Jobs: JobsTable{Terminal: []string{"done", "after"}}},
		"jobs {\nterminal \"after\" 10s\n}":           {Jobs: JobsTable{Terminal: []string{"after", "10s"}}},
		"jobs {\nterminal after\n}":                   {Jobs: JobsTable{Terminal: []string{"after"}}},
	} {
		if got, err := parseAll(input); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s\ngot %+v, %v", input, got, err)
		}
	}
}

func TestParseErrors(t *testing.T) {
	for input, want := range map[string]string{
		"events a b":                           "Testfile:1",
		"events \"\"":                          "the name of the table is empty",
		"events {\nid\n}":                      "Testfile:2",
		"events {\nid a b\n}":                  "Testfile:2",
		"events {\nid \"\"\n}":                 "id has an empty value",
		"events {\nid a\nid b\n}":              "events: id is given twice, at Testfile:3",
		"events {\nowner b\n}":                 `events: unknown option "owner", at Testfile:2`,
		"jobs {\nterminal\n}":                  "Testfile:2",
		"jobs {\nterminal a\nterminal b\n}":    "jobs: terminal is given twice, at Testfile:3",
		"jobs {\nterminal a \"\"\n}":           "terminal has an empty value",
		"jobs {\nterminal a after 10\n}":       `jobs: terminal: after: "10" is not a duration of 0s or more, such as 10s; if after is a state, write it in quotes, at Testfile:2`,
		"jobs {\nterminal a after -1s\n}":      `"-1s" is not a duration`,
		"jobs {\nterminal a after b c\n}":      "jobs: terminal: after wants one duration behind it",
		"jobs {\nterminal a after\n}":          "jobs: terminal: after wants one duration behind it",
		"jobs {\nterminal after 1s after 2s}":  "after wants one duration",
		"jobs {\nterminal a after \"\"\n}":     "terminal has an empty value",
		"jobs {\nmessage b\n}":                 `jobs: unknown option "message", at Testfile:2`,
		"jobs t {\nstate x {\nfoo\n}\n}":       "Testfile:",
		"events t {\nid a\n}\njobs a b {\n}\n": "Testfile:4",
	} {
		if _, err := parseAll(input); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot %v, want %q", input, err, want)
		}
	}
}

func TestDefaults(t *testing.T) {
	var got Tables
	got.SetDefaults()
	want := Tables{
		Events: EventsTable{"vibe_events", "event_id", "task_id", "event_message", "severity", "event_time"},
		Jobs:   JobsTable{"vibe_tasks", "task_id", "execution_state", []string{"completed", "failed"}, new(caddy.Duration(250 * time.Millisecond)), ""},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	given := Tables{Events: EventsTable{Table: "mine"}, Jobs: JobsTable{Terminal: []string{"done"}, TerminalAfter: new(caddy.Duration)}}
	given.SetDefaults()
	if given.Events.Table != "mine" || given.Events.ID != "event_id" || given.Jobs.Terminal[0] != "done" || given.TerminalAfter() != 0 {
		t.Errorf("got %+v", given)
	}
}

func TestValidate(t *testing.T) {
	for want, spoil := range map[string]func(*Tables){
		"events: table: the name is empty":  func(t *Tables) { t.Events.Table = "" },
		"events: time: the name is empty":   func(t *Tables) { t.Events.Time = "" },
		"jobs: state: the name is empty":    func(t *Tables) { t.Jobs.State = "" },
		`events: id: the name "a\x00b" has`: func(t *Tables) { t.Events.ID = "a\x00b" },
		`jobs: owner: the name "\x00" has`:  func(t *Tables) { t.Jobs.Owner = "\x00" },
		"jobs: terminal: want one":          func(t *Tables) { t.Jobs.Terminal = []string{} },
		"terminal_after is -1s":             func(t *Tables) { t.Jobs.TerminalAfter = new(caddy.Duration(-time.Second)) },
		"none of them empty":                func(t *Tables) { t.Jobs.Terminal = []string{"done", ""} },
	} {
		var tables Tables
		tables.SetDefaults()
		spoil(&tables)
		if err := tables.Validate(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestIdentity(t *testing.T) {
	var a, b Tables
	a.SetDefaults()
	b.SetDefaults()
	if a.Identity() != b.Identity() {
		t.Error("equal tables have different identities")
	}
	b.Jobs.TerminalAfter = new(caddy.Duration(time.Hour))
	if a.Identity() != b.Identity() {
		t.Error("after how long the end is told makes other tables of them")
	}
	b.Events.ID, b.Events.Job = `event_id" "task_id`, "x"
	if a.Identity() == b.Identity() {
		t.Error("different tables have one identity")
	}
}

// TestJSON has what a Caddyfile says as JSON, and back: 0 is not the default.
func TestJSON(t *testing.T) {
	for _, after := range []string{"", " after 0s", " after 10s"} {
		parsed, err := parseAll("jobs {\nterminal done" + after + "\n}")
		if err != nil {
			t.Fatal(err)
		}
		raw, err := json.Marshal(parsed)
		if err != nil {
			t.Fatal(err)
		}
		var back Tables
		if err := json.Unmarshal(raw, &back); err != nil || !reflect.DeepEqual(back, parsed) {
			t.Errorf("%q: %s is %+v, %v", after, raw, back, err)
		}
	}
	var given Tables
	if err := json.Unmarshal([]byte(`{"jobs":{"terminal_after":"1m"}}`), &given); err != nil || given.TerminalAfter() != time.Minute {
		t.Errorf("got %s, %v", given.TerminalAfter(), err)
	}
}

func TestQuote(t *testing.T) {
	if got := Quote(`a"b; c`); got != `"a""b; c"` {
		t.Errorf("got %s", got)
	}
}
