package sqlite

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyjobs/caddyjobs/tables"
)

func unmarshal(input string) (*Driver, error) {
	d := new(Driver)
	return d, d.UnmarshalCaddyfile(caddyfile.NewTestDispenser(input))
}

func TestCaddyfile(t *testing.T) {
	for input, want := range map[string]Driver{
		"sqlite":                              {},
		"sqlite {\n}":                         {},
		"sqlite {\npath a/b.db\n}":            {Path: "a/b.db"},
		"sqlite {\nmax_message 64KiB\n}":      {MaxMessage: 65536},
		"sqlite {\nmax_message 256MiB\n}":     {MaxMessage: largestMaxMessage},
		"sqlite {\nmax_message 1\n}":          {MaxMessage: 1},
		"sqlite {\njobs {\nterminal ok\n}\n}": {Tables: tables.Tables{Jobs: tables.JobsTable{Terminal: []string{"ok"}}}},
		"sqlite {\nevents log {\nid a\n}\njobs tasks {\nowner o\n}\npath x\n}": {
			Path: "x",
			Tables: tables.Tables{
				Events: tables.EventsTable{Table: "log", ID: "a"},
				Jobs:   tables.JobsTable{Table: "tasks", Owner: "o"},
			},
		},
	} {
		got, err := unmarshal(input)
		if err != nil || !reflect.DeepEqual(*got, want) {
			t.Errorf("%s\ngot %+v, %v", input, got, err)
		}
		// All that a Caddyfile says, JSON says.
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		back := new(Driver)
		if err := caddy.StrictUnmarshalJSON(text, back); err != nil || !reflect.DeepEqual(*back, want) {
			t.Errorf("%s\ngot %+v, %v", text, back, err)
		}
	}
}

func TestCaddyfileErrors(t *testing.T) {
	for input, want := range map[string][]string{
		"sqlite a":                          {"'a'", "Testfile:1"},
		"sqlite {\npath\n}":                 {"path", "Testfile:2"},
		"sqlite {\npath a b\n}":             {"'b'", "Testfile:2"},
		"sqlite {\npath \"\"\n}":            {"path has an empty value", "Testfile:2"},
		"sqlite {\npath a\npath b\n}":       {"path is given twice", "Testfile:3"},
		"sqlite {\nevents a\nevents b\n}":   {"events is given twice", "Testfile:3"},
		"sqlite {\npath a {\nb c\n}\n}":     {"Testfile:2"},
		"sqlite {\nmax_message 5 {\n}\n}":   {"Testfile:2"},
		"sqlite {\ndsn x\n}":                {`unknown option "dsn" of the store sqlite`, "Testfile:2"},
		"sqlite {\nmax_message\n}":          {"max_message", "Testfile:2"},
		"sqlite {\nmax_message much\n}":     {`max_message: "much" is not a size such as 1MiB`, "Testfile:2"},
		"sqlite {\nmax_message 10 MiB\n}":   {"'MiB'", "Testfile:2"},
		"sqlite {\nmax_message 0\n}":        {"max_message: 0 is not between", "Testfile:2"},
		"sqlite {\nmax_message 257MiB\n}":   {"max_message: 257MiB is not between", "Testfile:2"},
		"sqlite {\nevents {\nowner x\n}\n}": {`events: unknown option "owner"`, "Testfile:3"},
		"sqlite {\njobs t {\nid\n}\n}":      {"Testfile:3"},
	} {
		_, err := unmarshal(input)
		says(t, err, want...)
	}
}

// TestProvision has defaults set and placeholders replaced, and no file touched.
func TestProvision(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("XDG_DATA_HOME", dir)
	t.Setenv("JOBS_DIR", filepath.Join(dir, "env"))
	t.Chdir(dir)
	for path, want := range map[string]string{
		"":                      filepath.Join(dir, "caddy", "jobs.db"),
		"jobs.db":               filepath.Join(dir, "jobs.db"),
		"{env.JOBS_DIR}/a/../b": filepath.Join(dir, "env", "b"),
		"/srv/100%?#.db":        "/srv/100%?#.db",
		"./file:x":              filepath.Join(dir, "file:x"),
	} {
		d := &Driver{Path: path}
		if err := d.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		if d.Path != want || d.MaxMessage != 1<<20 || d.Events.Table != "vibe_events" {
			t.Errorf("%q: got %+v", path, d)
		}
		if err := d.Validate(); err != nil {
			t.Errorf("%q: %v", path, err)
		}
		if err := d.Open(nil).Close(); err != nil {
			t.Errorf("%q: %v", path, err)
		}
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 0 {
		t.Errorf("there are files: %v, %v", files, err)
	}
}

func TestValidate(t *testing.T) {
	for want, d := range map[string]Driver{
		`path: "file:x"`:        {Path: "file:x"},
		`path: ":memory:"`:      {Path: ":memory:"},
		`path: "/a\x00b"`:       {Path: "/a\x00b"},
		"max_message: -1 bytes": {MaxMessage: -1},
		"max_message: 26843545": {MaxMessage: largestMaxMessage + 1},
		"jobs: terminal":        {Tables: tables.Tables{Jobs: tables.JobsTable{Terminal: []string{""}}}},
		"events: id: the name":  {Tables: tables.Tables{Events: tables.EventsTable{ID: "\x00"}}},
	} {
		if err := d.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		says(t, d.Validate(), want)
	}
}

// TestKey has stores that may be shared, and those that may not.
func TestKey(t *testing.T) {
	t.Chdir(t.TempDir())
	key := func(d Driver) string {
		if err := d.Provision(caddy.Context{}); err != nil {
			t.Fatal(err)
		}
		return d.Key()
	}
	here, err := filepath.Abs("jobs.db")
	if err != nil {
		t.Fatal(err)
	}
	base := key(Driver{Path: "jobs.db"})
	for _, same := range []Driver{
		{Path: "./jobs.db"},
		{Path: here},
		{Path: here, MaxMessage: 5},
		{Path: here, Tables: tables.Tables{Events: tables.EventsTable{Table: "vibe_events"}}},
	} {
		if got := key(same); got != base {
			t.Errorf("%+v has the key %s, want %s", same, got, base)
		}
	}
	seen := map[string]bool{base: true}
	for _, other := range []Driver{
		{},
		{Path: "Jobs.db"},
		{Path: here, Tables: tables.Tables{Events: tables.EventsTable{Table: "log"}}},
		{Path: here, Tables: tables.Tables{Jobs: tables.JobsTable{Owner: "log"}}},
		{Path: here, Tables: tables.Tables{Jobs: tables.JobsTable{Terminal: []string{"completed"}}}},
	} {
		if got := key(other); seen[got] || !strings.HasPrefix(got, "sqlite:") {
			t.Errorf("%+v has the key %s", other, got)
		}
		seen[key(other)] = true
	}
}

func TestModule(t *testing.T) {
	info, err := caddy.GetModule("jobs.stores.sqlite")
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := info.New().(*Driver); !ok {
		t.Errorf("got %T", info.New())
	}
}
