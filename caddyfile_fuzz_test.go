package caddyjobs

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
)

// within reports whether a text is the inside of one block, whatever is in it,
// and reads no file: the rest is for Caddy to fuzz.
func within(text string) bool {
	const longest = 4 << 10 // bytes
	tokens, err := caddyfile.Tokenize([]byte(text), "inside")
	if err != nil || len(text) > longest || strings.Contains(text, "{$") || strings.Contains(text, "<<") {
		return false
	}
	depth := 0
	for _, token := range tokens {
		switch token.Text {
		case "{":
			depth++
		case "}":
			depth--
		}
		if depth < 0 || token.Text == "import" {
			return false
		}
	}
	return depth == 0
}

// fieldsOf are an object's, numbers as they are written.
func fieldsOf(t *testing.T, text []byte) (fields map[string]any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if err := d.Decode(&fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// strict decodes JSON of a module, whose name a key holds, and fails the test
// unless it is what the module's fields say, and all of it.
func strict(t *testing.T, raw json.RawMessage, key string, module any) {
	t.Helper()
	fields := fieldsOf(t, raw)
	delete(fields, key)
	text, err := json.Marshal(fields)
	if err == nil {
		err = caddy.StrictUnmarshalJSON(text, module)
	}
	if err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	back, err := json.Marshal(module)
	if err != nil || !reflect.DeepEqual(fieldsOf(t, back), fields) {
		t.Fatalf("%s came back as %s, %v", raw, back, err)
	}
}

// FuzzCaddyfile adapts blocks with any content. What is a config has no field
// that the modules lack, and says what they then have.
func FuzzCaddyfile(f *testing.F) {
	for _, seed := range [][3]string{
		{"", "", ""},
		{"store sqlite\npoll_interval 500ms\nlinger 2m\nheartbeat 20s\nhistory 1GiB\nparking off\ndemo", "path /a/{id}\nowner {http.auth.user.id}\ncors https://a.example\npending 30s", "path /a\nstate_path /b\nmax_size 1MiB\nallow public\nstore x"},
		{"store sqlite x {\npath /b.db\nmax_message 1B\nevents log {\nid n\nmessage \"a b\"\n}\njobs builds {\nterminal ok bad\nowner who\n}\n}", "job {query.job}\nstore x", "job {path.0}"},
		{"store postgres {\ndsn \"host=a password='b c'\"\nlisten_dsn {env.X}\nnotify off\nsettle 1s\nmax_message 2MiB\nevents \"\\\"a.b\\\".c\" {\ntime `t\nu`\n}\n}", "owner \"\"", "max_size -1"},
		{"stall_timeout 1m\ndrain_timeout 5s\nlimits {\nviewers 1\nper_address 2\nper_user 3\nper_job 4\nnew_per_second 2147483647\n}", "allowed_hosts a b", "max_event 1KiB\nrate 5\nallowed_hosts a.example\nallow authenticated"},
		{"linger 1s\nlinger 2s", "cors", "allow x"},
		{"store", "{}", "path {\n}"},
		{"store jobs {\n}\nstore sqlite {\nevents {\n}\n}", "path a b", "\x00"},
		{"history 18446744073709551615B\nlinger 9223372036854775807ns", "pending 106751d\nowner \xff", "max_size 1e3"},
		{"poll_interval 1h {\n}", "\"path\" \\\n/x", "#"},
		{"store sqlite driver {\npath driver\n}", "handler x", "store \"{\""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	adapter := caddyconfig.GetAdapter("caddyfile")
	f.Fuzz(func(t *testing.T, app, logs, ingest string) {
		if !within(app) || !within(logs) || !within(ingest) {
			return
		}
		adapted, _, err := adapter.Adapt([]byte("{\njobs {\n"+app+"\n}\n}\n:80 {\njobs_ingest {\n"+ingest+"\n}\njobs_logs {\n"+logs+"\n}\n}"), nil)
		if err != nil {
			return
		}
		var config struct {
			Apps struct {
				Jobs json.RawMessage
				HTTP struct {
					Servers map[string]struct {
						Routes []struct{ Handle []json.RawMessage }
					}
				}
			}
		}
		if err := json.Unmarshal(adapted, &config); err != nil {
			t.Fatal(err)
		}
		a := new(App)
		strict(t, config.Apps.Jobs, "", a)
		for _, raw := range a.StoresRaw {
			strictStore(t, raw)
		}
		handlers := map[string]any{"jobs_ingest": new(Ingest), "jobs_logs": new(Logs)}
		for _, r := range config.Apps.HTTP.Servers["srv0"].Routes {
			for _, raw := range r.Handle {
				var is struct{ Handler string }
				if err := json.Unmarshal(raw, &is); err != nil || handlers[is.Handler] == nil {
					t.Fatalf("a handler is %s, %v", raw, err)
				}
				strict(t, raw, "handler", handlers[is.Handler])
				delete(handlers, is.Handler)
			}
		}
		if len(handlers) > 0 {
			t.Fatalf("no %v in %s", slices.Collect(maps.Keys(handlers)), adapted)
		}
	})
}

// strictStore decodes a store.
func strictStore(t *testing.T, raw json.RawMessage) {
	t.Helper()
	var is struct{ Driver string }
	if err := json.Unmarshal(raw, &is); err != nil {
		t.Fatal(err)
	}
	info, err := caddy.GetModule("jobs.stores." + is.Driver)
	if err != nil {
		t.Fatal(err)
	}
	strict(t, raw, "driver", info.New())
}
