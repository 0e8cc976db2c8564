package caddyjobs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestSchemaCommand prints SQL for the names of a config, and says what to do
// where it cannot.
func TestSchemaCommand(t *testing.T) {
	file := filepath.Join(t.TempDir(), "Caddyfile")
	config := `{
	jobs {
		store postgres {
			dsn    {env.NOT_SET}
			events audit.lines
		}
		store postgres second {
			dsn    postgres://localhost/second
			notify off
		}
		store sqlite third {
			events lines
		}
	}
}`
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args        string
		want, error string
	}{
		{args: "postgres", want: `CREATE TABLE IF NOT EXISTS "vibe_events"`},
		{args: "sqlite", want: `CREATE TABLE "vibe_events"`},
		{args: "postgres --store default --config " + file, want: `CREATE TRIGGER caddyjobs_hint AFTER INSERT ON "audit"."lines"`},
		{args: "postgres --store second --config " + file, want: `CREATE TABLE IF NOT EXISTS "vibe_events"`},
		{args: "sqlite --config " + file, want: `CREATE TABLE "lines"`},
		{args: "postgres --config " + file, error: "name the store: --store default, or --store second"},
		{args: "postgres --store third --config " + file, error: "name the store: --store default, or --store second"},
		{args: "postgres --store second", error: "--store needs --config"},
		{args: "mysql", error: `unknown store driver "mysql"; known are postgres, sqlite`},
		{args: "", error: "accepts 1 arg(s), received 0"},
		{args: "postgres --config missing", error: "no such file"},
	} {
		cmd := schemaCommand()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		cmd.SetArgs(strings.Fields(c.args))
		err := cmd.Execute()
		switch {
		case c.error != "" && (err == nil || !strings.Contains(err.Error(), c.error)):
			t.Errorf("%q: error %v, want %q", c.args, err, c.error)
		case c.error == "" && (err != nil || !strings.Contains(out.String(), c.want)):
			t.Errorf("%q: %v, want %q in\n%s", c.args, err, c.want, &out)
		}
		if strings.Contains(c.args, "second --config") && strings.Contains(out.String(), "TRIGGER") {
			t.Error("with notify off there is a trigger")
		}
	}
}
