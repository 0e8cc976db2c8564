package postgres

import (
	"bytes"
	"context"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// secret is a part of every DSN here, and of nothing that may be seen.
const secret = "MyS3cret"

// TestSecrets has DSNs with a secret in every position, most of them as somebody
// mistypes them. What is said of them, and which hosts are looked up, has none of
// it; says is a part of why it is refused, and empty where it is not.
func TestSecrets(t *testing.T) {
	t.Setenv("CADDYJOBS_PART", "")
	for dsn, says := range map[string]string{
		`postgres://u:MyS3cret@127.0.0.1:1/db`:                        "",
		`postgresql://u:MyS3cret@127.0.0.1:1/MyS3cret`:                "",
		`postgres://u:MyS3cret%40x@127.0.0.1:1/db`:                    "",
		`postgres://u:MyS3cret?x=1&y@127.0.0.1:1/db`:                  "",
		`postgres://u@127.0.0.1:1/db?password=MyS3cret@x`:             "",
		`postgres://u:MyS3cret@127.0.0.1:1/db?schema=MyS3cret`:        "",
		`postgres://u:MyS3cret@127.0.0.1:1,127.0.0.1:2/db?supa=x`:     "",
		`postgres://u:MyS3cret@home!xyz@127.0.0.1:1/db`:               "write @ in the password as %40",
		`postgres://u:x@MyS3cret@127.0.0.1:1/db`:                      "write @ in the password as %40",
		`postgres://u:x@y/MyS3cret@127.0.0.1:1/db`:                    "write @ in the password as %40",
		`postgres://u:x/MyS3cret@127.0.0.1:1/db`:                      "write / in the password as %2F",
		`postgres://u:x?MyS3cret/y@127.0.0.1:1/db`:                    "port",
		`postgres://u:MyS3cret/y?z@127.0.0.1:1/db`:                    "port",
		`postgres://u:x@y?MyS3cret@127.0.0.1:1/db`:                    "what follows the question mark",
		`postgres://u:x@y?z=1&MyS3cret=@127.0.0.1:1/db`:               "setting 1 is not known",
		`postgres://u:MyS3cret#x/127.0.0.1:1/db`:                      "port",
		`postgres://MyS3cret!/db`:                                     "no host has",
		`postgres://u:%MyS3cret@127.0.0.1:1/db`:                       "write % in the password as %25",
		`postgres://u:p@127.0.0.1:MyS3cret/db`:                        "port",
		`postgres://u:p@[MyS3cret]:1/db`:                              "no host has",
		`postgres://u:p@[::1:1/MyS3cret`:                              "no host has",
		`postgres://u:p@127.0.0.1:1/db?MyS3cret=1`:                    "setting 1 is not known",
		`postgres://u@127.0.0.1:1/db?password=x&MyS3cret`:             "what follows the question mark",
		`postgres://u:p@127.0.0.1:1/db?sslmode=MyS3cret`:              "sslmode must be one of",
		`postgres://u:p@127.0.0.1:1/db?pool_max_conns=MyS3cret`:       "a value of it",
		`postgres://u:p@127.0.0.1:1/db?sslrootcert=/MyS3cret`:         "a file that it names",
		`postgres://u:p@127.0.0.1:1/db?sslaccept=MyS3cret`:            "sslaccept is a setting of another driver",
		`postgres://u:p@127.0.0.1:1/db?schema=MyS3cret&search_path=x`: "say the same",
		`postgres://u:p@127.0.0.1:1/db?host=MyS3cret!`:                "no host has",
		`jdbc:postgresql://127.0.0.1/db?user=u&password=MyS3cret`:     "no URL of Postgres",
		`mysql://u:MyS3cret@127.0.0.1/db`:                             "no URL of Postgres",
		`MyS3cret://u:p@127.0.0.1/db`:                                 "no URL of Postgres",
		`Postgres://u:MyS3cret@127.0.0.1/db`:                          "no URL of Postgres",
		`postgres:/u:MyS3cret@127.0.0.1/db`:                           "neither a URL nor keywords",
		`jdbc:oracle:thin:u/MyS3cret@127.0.0.1?x=1`:                   "neither a URL nor keywords",
		`MyS3cret`: "neither a URL nor keywords",
		`host=127.0.0.1 port=1 user=u password=MyS3cret`:                 "",
		`host=127.0.0.1 port=1 user=u password='a MyS3cret'`:             "",
		`host=127.0.0.1 port=1 user=u password='a \'MyS3cret' dbname=db`: "",
		`host=127.0.0.1 port=1 user=u password=a MyS3cret`:               "neither a URL nor keywords",
		`host=127.0.0.1 port=1 user=u password=a MyS3cret=b`:             "setting 5 is not known",
		`host=127.0.0.1 port=1 user=u password=a MyS3cret dbname=b`:      "neither a URL nor keywords",
		`host=127.0.0.1 port=1 user=u password='a'MyS3cret'`:             "neither a URL nor keywords",
		`host=127.0.0.1 port=1 user=u password='MyS3cret`:                "neither a URL nor keywords",
		`host=127.0.0.1 port=1 user=u sslmode=MyS3cret`:                  "sslmode must be one of",
		`host=127.0.0.1 port=MyS3cret user=u`:                            "a value of it",
		`host=MyS3cret!x port=1 user=u`:                                  "no host has",
		`postgres://u:{env.CADDYJOBS_PART}MyS3cret@127.0.0.1:1/db`:       "stands for nothing",
		`postgres://u:{$CADDYJOBS_PART}MyS3cret@127.0.0.1:1/db`:          "stands for nothing",
		`postgres://u:MyS3cret@127.0.0.1:1/{file./caddyjobs/not/there}`:  "stands for nothing",
		`$DATABASE_URL_MyS3cret`:                                         "neither a URL nor keywords",
	} {
		told := new(bytes.Buffer)
		for _, d := range []*Driver{{DSN: dsn}, {DSN: "postgres://u@127.0.0.1:1/db", ListenDSN: dsn}} {
			err := d.Provision(caddy.Context{})
			if err == nil {
				err = d.Validate()
			}
			if says == "" && err != nil || says != "" && (err == nil || !strings.Contains(err.Error(), says)) {
				t.Errorf("%s: %v, want %q", dsn, err, says)
			}
			if err != nil {
				told.WriteString(err.Error())
				continue
			}
			r, err := readDSN(dsn)
			if err != nil {
				t.Errorf("%s: %v", dsn, err)
				continue
			}
			told.WriteString(r.config.ConnConfig.Host)
			for _, f := range r.config.ConnConfig.Fallbacks {
				told.WriteString(f.Host)
			}
			told.WriteString(d.Key())
			tryAll(t, d, told)
		}
		if strings.Contains(strings.ToLower(told.String()), "s3cret") {
			t.Errorf("%s is told: %s", dsn, told)
		}
	}
}

// tryAll calls a store, and writes down all that it says.
func tryAll(t *testing.T, d *Driver, told *bytes.Buffer) {
	t.Helper()
	s := d.Open(slog.New(slog.NewTextHandler(told, nil))).(*Store)
	defer s.Close()
	_, err := s.Jobs(t.Context(), anyones("job"))
	if err == nil {
		t.Errorf("%s works", d.DSN)
		return
	}
	told.WriteString(err.Error())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if err = s.Listen(ctx, watchingJob, func(string) { cancel() }); err != nil {
		told.WriteString(err.Error())
	}
}

// TestSecretsOfServers has DSNs that only the server refuses, quoting them.
func TestSecretsOfServers(t *testing.T) {
	for _, version := range versions {
		dsn := testdb.Shared(t, version).Database(t)
		u, err := url.Parse(dsn)
		if err != nil {
			t.Fatal(err)
		}
		u.Path = "/" + secret
		for _, dsn := range []string{
			u.String(),
			with(dsn, "options=-c%20"+secret+"%3D1"), with(dsn, "work_mem="+secret), with(dsn, "role="+secret),
			with(dsn, "options=--"+secret),
		} {
			told := new(bytes.Buffer)
			d := &Driver{DSN: dsn}
			if err := d.Provision(caddy.Context{}); err != nil {
				t.Fatal(err)
			}
			tryAll(t, d, told)
			if strings.Contains(strings.ToLower(told.String()), "s3cret") || !strings.Contains(told.String(), "SQLSTATE") {
				t.Errorf("%s is told: %s", dsn, told)
			}
		}
	}
}

// TestForeignSettings has what other drivers' DSNs say, in ours.
func TestForeignSettings(t *testing.T) {
	r, err := readDSN("postgres://u:p@host/db?schema=logs&pgbouncer=true&connection_limit=6&supa=base-pooler.x&sslmode=require")
	if err != nil {
		t.Fatal(err)
	}
	if p := r.config.ConnConfig.RuntimeParams; p["search_path"] != "logs" || len(p) != 1 || !r.pooled || connections(r) != 6 {
		t.Errorf("%v, a pooler %t, %d connections", p, r.pooled, connections(r))
	}
}

// TestCaddyfileSecrets has DSNs that the Caddyfile takes apart.
func TestCaddyfileSecrets(t *testing.T) {
	for _, text := range []string{
		"postgres {\n dsn\n postgres://u:MyS3cret@host/db\n}",
		"postgres {\n dsn host=h\n password=MyS3cret\n}",
		"postgres {\n MyS3cret\n}",
		"postgres {\n password=MyS3cret x\n password=MyS3cret x\n}",
		"postgres {\n dsn user=u password=MyS3cret\n}",
		"postgres {\n listen_dsn user=u password=MyS3cret\n}",
		"postgres postgres://u:MyS3cret@host/db",
		"postgres {\n dsn postgres://u:My {\n S3cret@host\n}\n}",
	} {
		if err := new(Driver).UnmarshalCaddyfile(caddyfile.NewTestDispenser(text)); err == nil || strings.Contains(strings.ToLower(err.Error()), "s3cret") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestSecretFile has a DSN in a file that ends in a line break.
func TestSecretFile(t *testing.T) {
	name := filepath.Join(t.TempDir(), "dsn")
	if err := os.WriteFile(name, []byte("postgres://u:p@host/db\n\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	d := &Driver{DSN: "{file." + name + "}"}
	if err := d.Provision(caddy.Context{}); err != nil || d.DSN != "postgres://u:p@host/db" {
		t.Errorf("the dsn is %q, %v", d.DSN, err)
	}
}
