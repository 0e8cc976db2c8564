package caddyjobs

import (
	"bytes"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/access"
)

// TestLinkCommand prints links that the config's keys have signed, and says
// what to do where it cannot.
func TestLinkCommand(t *testing.T) {
	const secret = "a secret of links, of 32 bytes.."
	t.Setenv("LINK_TEST_SECRET", secret)
	write := func(options string) string {
		file := filepath.Join(t.TempDir(), "Caddyfile")
		if err := os.WriteFile(file, []byte("{\njobs {\n"+options+"\n}\n}"), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	full := write("links {env.LINK_TEST_SECRET}\nstore sqlite\nstore sqlite builds")
	plain := write("links {env.LINK_TEST_SECRET}")
	none := write("store sqlite")
	short := write("links a-short-one")
	unset := write("links {env.LINK_TEST_NOT_SET}")
	for _, c := range []struct {
		id, args    string
		place       string // what is before ?link=
		scope       string
		ttl         time.Duration
		error, keep string
	}{
		{id: "abc", args: full, place: "/jobs/abc/logs", scope: "read:default", ttl: time.Hour},
		{id: "abc", args: plain, place: "/jobs/abc/logs", scope: "read:default", ttl: time.Hour},
		{id: "abc", args: full + " --ttl 7d --store builds", place: "/jobs/abc/logs", scope: "read:builds", ttl: 7 * 24 * time.Hour},
		{id: "abc", args: full + " --base https://l.example/ --path /b/{id}", place: "https://l.example/b/abc", scope: "read:default", ttl: time.Hour},
		{id: "a/b ?é&", args: full + " --base http://[::1]:8080/x", place: "http://[::1]:8080/x/jobs/a%2Fb%20%3F%C3%A9&/logs", scope: "read:default", ttl: time.Hour},
		{id: "{id}", args: full, place: "/jobs/%7Bid%7D/logs", scope: "read:default", ttl: time.Hour},
		{id: "abc", args: full + " --ttl 365d", place: "/jobs/abc/logs", scope: "read:default", ttl: 365 * 24 * time.Hour},
		{id: "abc", args: full + " --ttl 366d", error: `--ttl: "366d" is not a duration above 0 and at most 365d`},
		{id: "abc", args: full + " --ttl 0s", error: `--ttl: "0s" is not a duration`},
		{id: "abc", args: full + " --ttl -1h", error: `--ttl: "-1h" is not a duration`},
		{id: "abc", args: full + " --ttl soon", error: `--ttl: "soon" is not a duration`},
		{id: "a\nb", args: full, error: "no job can have this id"},
		{id: "", args: full, error: "no job can have this id"},
		{id: strings.Repeat("x", maxJobID+1), args: full, error: "no job can have this id"},
		{id: "abc", args: full + " --path /logs", error: `--path: path: "/logs" must begin with a slash`},
		{id: "abc", args: full + " --base l.example", error: `--base: "l.example" is not what a URL begins with`},
		{id: "abc", args: full + " --base https://l.example/?x=y", error: "--base: "},
		{id: "abc", args: full + " --store third", error: `the config has no store named "third"; it has builds, default`},
		{id: "abc", args: plain + " --store third", error: `the config has no store named "third"; it has default`},
		{id: "abc", args: none, error: "the config has no key for links; write one in the global option jobs: links <key>"},
		{id: "abc", args: short, error: "links: key 1: the secret has 11 bytes", keep: "a-short-one"},
		{id: "abc", args: unset, error: "links: key 1: a placeholder of it is unknown or empty"},
		{id: "abc", args: "missing", error: "no such file"},
		{id: "abc", args: "", error: "--config is missing"},
	} {
		cmd := linkCommand()
		var out bytes.Buffer
		cmd.SetOut(&out)
		cmd.SetErr(&out)
		args := []string{c.id}
		if c.args != "" {
			args = append(args, "--config")
		}
		cmd.SetArgs(append(args, strings.Fields(c.args)...))
		before := time.Now().Truncate(time.Second)
		err := cmd.Execute()
		if c.error != "" {
			if err == nil || !strings.Contains(err.Error(), c.error) {
				t.Errorf("%q %s: error %v, want %q", c.id, c.args, err, c.error)
			}
			if strings.Contains(out.String(), secret) || c.keep != "" && strings.Contains(out.String(), c.keep) {
				t.Errorf("%q %s tells the key: %s", c.id, c.args, &out)
			}
			continue
		}
		place, link, _ := strings.Cut(strings.TrimSuffix(out.String(), "\n"), "?link=")
		if err != nil || place != c.place {
			t.Errorf("%q %s: %q, %v, want %q", c.id, c.args, &out, err, c.place)
			continue
		}
		if query, err := url.ParseQuery("link=" + link); err != nil || query.Get("link") != link {
			t.Errorf("%q is not fit for a query", link)
		}
		keys := &access.Links{Keys: []string{secret}}
		if err := keys.Provision(); err != nil {
			t.Fatal(err)
		}
		expires, err := keys.Check(link, c.scope, c.id)
		if err != nil || expires.Before(before.Add(c.ttl)) || expires.After(time.Now().Add(c.ttl)) {
			t.Errorf("%q %s: it expires %s, %v", c.id, c.args, expires, err)
		}
		if scope := strings.TrimPrefix(c.scope, "read:"); linkScope(scope) != c.scope || linkScope("") != "read:default" {
			t.Errorf("the scope of %s is %s", scope, linkScope(scope))
		}
	}
}
