package tables

import (
	"reflect"
	"strings"
	"testing"

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
		Jobs:   JobsTable{"vibe_tasks", "task_id", "execution_state", []string{"completed", "failed"}, ""},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v", got)
	}
	if err := got.Validate(); err != nil {
		t.Error(err)
	}
	given := Tables{Events: EventsTable{Table: "mine"}, Jobs: JobsTable{Terminal: []string{"done"}}}
	given.SetDefaults()
	if given.Events.Table != "mine" || given.Events.ID != "event_id" || given.Jobs.Terminal[0] != "done" {
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
	b.Events.ID, b.Events.Job = `event_id" "task_id`, "x"
	if a.Identity() == b.Identity() {
		t.Error("different tables have one identity")
	}
}

func TestQuote(t *testing.T) {
	if got := Quote(`a"b; c`); got != `"a""b; c"` {
		t.Errorf("got %s", got)
	}
}
