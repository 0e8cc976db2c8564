package caddyjobs

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// TestCaddyfile adapts what a Caddyfile can say.
func TestCaddyfile(t *testing.T) {
	for name, c := range map[string]struct{ options, site, app, handlers string }{
		"nothing": {"", "jobs_logs", ``, `[{"handler":"jobs_logs"}]`},
		"order": {
			"", "respond x\njobs_logs\njobs_ingest", ``,
			`[{"handler":"jobs_ingest"},{"handler":"jobs_logs"},{"body":"x","handler":"static_response"}]`,
		},
		"all of the app": {
			"jobs {\n store sqlite\n poll_interval 500ms\n linger 2m\n heartbeat 20s\n history 1GiB\n cache 5s\n parking off\n demo\n}", "jobs_logs",
			`{"stores":{"default":{"driver":"sqlite"}},"poll_interval":500000000,"linger":120000000000,"heartbeat":20000000000,"history":1073741824,"cache":5000000000,"parking":"off","demo":true}`,
			`[{"handler":"jobs_logs"}]`,
		},
		"no cache": {"jobs {\n cache off\n}", "jobs_logs", `{"cache":0}`, `[{"handler":"jobs_logs"}]`},
		"links": {
			"jobs {\n links {env.NEW} {env.OLD}\n}", "jobs_logs",
			`{"links":{"keys":["{env.NEW}","{env.OLD}"]}}`, `[{"handler":"jobs_logs"}]`,
		},
		"stores": {
			`jobs {
				store sqlite {
					path /a.db
				}
				store sqlite other {
					path /b.db
					events log {
						id n
						message text
					}
					jobs builds {
						terminal ok bad
						owner who
					}
				}
			}`, "jobs_logs {\n store other\n}",
			`{"stores":{"default":{"driver":"sqlite","path":"/a.db"},"other":{"driver":"sqlite","events":{"id":"n","message":"text","table":"log"},"jobs":{"owner":"who","table":"builds","terminal":["ok","bad"]},"path":"/b.db"}}}`,
			`[{"handler":"jobs_logs","store":"other"}]`,
		},
		"all of the logs": {
			"", "jobs_logs {\n path /a/{id}\n owner {http.auth.user.id}\n cors https://a.example http://b.example:81\n pending 30s\n}", ``,
			`[{"cors":["https://a.example","http://b.example:81"],"handler":"jobs_logs","owner":"{http.auth.user.id}","path":"/a/{id}","pending":30000000000}]`,
		},
		"all of the ingest": {
			"", "jobs_ingest {\n path /a/{id}\n state_path /b/{id}\n max_size 1MiB\n allow public\n store x\n}", ``,
			`[{"handler":"jobs_ingest","max_size":1048576,"path":"/a/{id}","public":true,"state_path":"/b/{id}","store":"x"}]`,
		},
		"ingest of authenticated users": {
			"", "jobs_ingest {\n allow authenticated\n}", ``, `[{"authenticated":true,"handler":"jobs_ingest"}]`,
		},
		"all of the health": {
			"", "jobs_ingest\njobs_health {\n live /a\n ready /b\n}", ``,
			`[{"handler":"jobs_health","live":"/a","ready":"/b"},{"handler":"jobs_ingest"}]`,
		},
		"all of the viewer": {
			"", "jobs_viewer {\n path /a/{id}\n logs /b/{id}\n index\n owner {http.auth.user.tenant}\n store x\n allowed_hosts a.example\n}", ``,
			`[{"allowed_hosts":["a.example"],"handler":"jobs_viewer","index":true,"logs":"/b/{id}","owner":"{http.auth.user.tenant}","path":"/a/{id}","store":"x"}]`,
		},
		"placeholders": {
			"", "jobs_logs {\n job {query.job}\n}", ``, `[{"handler":"jobs_logs","job":"{http.request.uri.query.job}"}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
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
			if err := json.Unmarshal(adapt(t, "{\n"+c.options+"\n}\n:80 {\n"+c.site+"\n}"), &config); err != nil {
				t.Fatal(err)
			}
			if got := string(config.Apps.Jobs); got != c.app {
				t.Errorf("the app is\n%s\nwant\n%s", got, c.app)
			}
			var handlers []json.RawMessage
			for _, r := range config.Apps.HTTP.Servers["srv0"].Routes {
				handlers = append(handlers, r.Handle...)
			}
			if got, _ := json.Marshal(handlers); string(got) != c.handlers {
				t.Errorf("the handlers are\n%s\nwant\n%s", got, c.handlers)
			}
		})
	}
}

// TestBadCaddyfile adapts what has a mistake; the error says which, and where.
func TestBadCaddyfile(t *testing.T) {
	for _, c := range []struct{ options, site, says, at string }{
		{"jobs {\n pol_interval 1s\n}", "", `unknown option "pol_interval"`, "Caddyfile:3"},
		{"jobs {\n linger 1s\n linger 2s\n}", "", "linger is given twice", "Caddyfile:4"},
		{"jobs {\n linger\n}", "", "", "Caddyfile:3"},
		{"jobs {\n linger 1s 2s\n}", "", "", "Caddyfile:3"},
		{"jobs {\n linger 5\n}", "", `linger: "5" is not a duration above zero, such as 1m30s`, ""},
		{"jobs {\n linger -5s\n}", "", `linger: "-5s" is not a duration`, ""},
		{"jobs {\n cache on\n}", "", `cache: "on" is neither a duration, such as 1m0s, nor off`, "Caddyfile:3"},
		{"jobs {\n cache -1s\n}", "", `cache: "-1s" is neither`, ""},
		{"jobs {\n cache\n}", "", "", "Caddyfile:3"},
		{"jobs {\n history lots\n}", "", `history: "lots" is not a size, such as 64MiB`, "Caddyfile:3"},
		{"jobs {\n demo yes\n}", "", "", "Caddyfile:3"},
		{"jobs {\n links\n}", "", "links: the key is missing; write it as: links <key> [<older keys...>]", "Caddyfile:3"},
		{"jobs {\n links a\n links b\n}", "", "links is given twice", "Caddyfile:4"},
		{"jobs x {\n}", "", "", "Caddyfile:2"},
		{"jobs {\n}\njobs {\n}", "", "the option jobs is given twice", ""},
		{"jobs {\n store\n}", "", "store: say which driver", "Caddyfile:3"},
		{"jobs {\n store mysql\n}", "", "unknown store driver; known are postgres, sqlite", "Caddyfile:3"},
		{"jobs {\n store postgres://me:sesame@h/db\n}", "", "unknown store driver", "Caddyfile:3"},
		{"jobs {\n store postgres postgres://me:sesame@h/db\n}", "", "store: its name has :// or =; write a dsn in the block", "Caddyfile:3"},
		{"jobs {\n store postgres password=sesame\n}", "", "store: its name has :// or =", "Caddyfile:3"},
		{"jobs {\n store sqlite\n store sqlite\n}", "", "there are two stores named default; give each a name", "Caddyfile:4"},
		{"jobs {\n store sqlite {\n pth /x\n}\n}", "", "", "Caddyfile:4"},
		{"jobs {\n store sqlite {\n events {\n key x\n}\n}\n}", "", `events: unknown option "key"`, "Caddyfile:5"},
		{"", "jobs_logs {\n follow\n}", `unknown option "follow"`, "Caddyfile:6"},
		{"", "jobs_logs x", "", "Caddyfile:5"},
		{"", "jobs_logs {\n cors\n}", "", "Caddyfile:6"},
		{"", "jobs_logs {\n path \"\"\n}", "path has an empty value", ""},
		{"", "jobs_logs {\n pending soon\n}", `pending: "soon" is not a duration`, ""},
		{"", "jobs_ingest {\n allow everybody\n}", `allow: "everybody" is not known; only public and authenticated are`, ""},
		{"", "jobs_viewer {\n index yes\n}", "", "Caddyfile:6"},
		{"", "jobs_viewer {\n owner\n}", "", "Caddyfile:6"},
		{"", "jobs_viewer {\n index\n index\n}", "index is given twice", "Caddyfile:7"},
		{"", "jobs_health {\n path /x\n}", `unknown option "path"`, "Caddyfile:6"},
		{"", "jobs_health {\n live\n}", "", "Caddyfile:6"},
		{"", "jobs_ingest {\n max_size 0\n}", `max_size: "0" is not a size`, ""},
	} {
		_, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte("{\n"+c.options+"\n}\n:80 {\n"+c.site+"\n}"), nil)
		if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), c.at) {
			t.Errorf("%q %q: %v, want an error with %q at %q", c.options, c.site, err, c.says, c.at)
		} else if strings.Contains(err.Error(), "sesame") {
			t.Errorf("%q: the error tells the password: %v", c.options, err)
		}
	}
}

// TestBadConfig provisions what a Caddyfile can say and a server cannot do.
// Nothing is opened.
func TestBadConfig(t *testing.T) {
	for _, c := range []struct{ options, site, says string }{
		{"", "jobs_logs {\n store x\n}", "there is no store named x; name one in the global option jobs: store <driver> x"},
		{"", "jobs_ingest {\n store x\n}", "there is no store named x"},
		{"", "jobs_logs {\n path /logs\n}", `"/logs" must begin with a slash and have one whole segment {id}`},
		{"", "jobs_logs {\n path /a/{id}/{id}\n}", "must begin with a slash and have one whole segment"},
		{"", "jobs_logs {\n path /a/x{id}\n}", "must begin with a slash and have one whole segment"},
		{"", "jobs_ingest {\n state_path x\n}", `state_path: "x" must begin`},
		{"", "jobs_logs {\n path /{id}\n job {query.x}\n}", "path and job exclude each other"},
		{"", "jobs_ingest {\n path /{id}\n job {query.x}\n}", "path and state_path exclude job"},
		{"", "jobs_health {\n live livez\n}", `"livez" is not a path; it must begin with a slash`},
		{"", "jobs_health {\n live /x\n ready /x\n}", "live and ready have the same path"},
		{"", "jobs_logs {\n cors *\n}", `cors: "*" is not an origin; write it as browsers do`},
		{"", "jobs_logs {\n cors https://a.example/\n}", "is not an origin"},
		{"", "jobs_logs {\n cors https://A.example\n}", "is not an origin"},
		{"", "jobs_logs {\n cors https://a.example:443\n}", "is not an origin"},
		{"", "jobs_logs {\n cors https://*.example\n}", "is not an origin"},
		{"", "jobs_logs {\n owner {http.auth.user.id}\n}", "owner: the store's jobs have none; name the column in the store: jobs { owner <column> }"},
		{"", "jobs_viewer {\n index\n owner {http.auth.user.id}\n}", "owner: the store's jobs have none; name the column in the store: jobs { owner <column> }"},
		{"", "jobs_viewer {\n owner {http.auth.user.id}\n}", "owner, store and allowed_hosts are of the index: add index"},
		{"", "jobs_viewer {\n store x\n}", "owner, store and allowed_hosts are of the index: add index"},
		{"", "jobs_viewer {\n index\n store x\n}", "there is no store named x"},
		{"", "jobs_viewer {\n index\n path /jobs/{id}/view\n}", "index: it would be at /jobs/{id}/, where {id} has no place"},
		{"", "jobs_viewer {\n index\n allowed_hosts https://a.example\n}", "is not the name of a host"},
		{"", "jobs_viewer {\n logs //a.example/jobs/{id}/logs\n}", `logs: "//a.example/jobs/{id}/logs" must be a path or an http or https URL`},
		{"", "jobs_viewer {\n logs ///a.example/jobs/{id}/logs\n}", "must be a path or an http or https URL"},
		{"", "jobs_viewer {\n logs ftp://a.example/jobs/{id}/logs\n}", "write it as /jobs/{id}/logs or https://logs.example.com/jobs/{id}/logs"},
		{"", "jobs_viewer {\n logs https:///jobs/{id}/logs\n}", "must be a path or an http or https URL"},
		{"", "jobs_viewer {\n logs http://:80/jobs/{id}/logs\n}", "must be a path or an http or https URL"},
		{"", "jobs_viewer {\n logs https://a.example/jobs/logs\n}", "with one whole segment {id}"},
		{"jobs {\n poll_interval 1ms\n}", "jobs_logs", "poll_interval is 1ms; it must be at least 10ms"},
		{"jobs {\n parking maybe\n}", "jobs_logs", `parking is "maybe"; it must be on or off`},
		{"jobs {\n links short\n}", "jobs_logs", "links: key 1: the secret has 5 bytes; it must have at least 32"},
		{"jobs {\n links {env.NOT_SET_ANYWHERE}\n}", "jobs_logs", "links: key 1: a placeholder of it is unknown or empty"},
		{"jobs {\n heartbeat 10ms\n}", "jobs_logs", "heartbeat is 10ms; it must be at least 1s"},
		{"jobs {\n demo\n store sqlite x\n}", "respond x", "demo needs a store named default"},
	} {
		var config caddy.Config
		if err := json.Unmarshal(adapt(t, "{\nadmin off\n"+c.options+"\n}\nhttp://:80 {\n"+c.site+"\n}"), &config); err != nil {
			t.Fatal(err)
		}
		if err := caddy.Validate(&config); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%q %q: %v, want an error with %q", c.options, c.site, err, c.says)
		}
	}
}
