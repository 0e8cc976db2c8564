package testdb

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// poolerConfig makes a pooler that shares sessions between clients, fewer than
// there are clients, and that takes no settings, as is its default.
const poolerConfig = `[databases]
* = host=%[1]s port=%[2]s
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %[3]d
unix_socket_dir =
auth_type = plain
auth_file = %[4]s
pool_mode = transaction
default_pool_size = 2
logfile = %[5]s
`

// PgBouncer starts a pooler in front of the server of a DSN, which stops with
// the test, and returns the DSN through it. settings are further lines of its
// configuration.
func PgBouncer(t testing.TB, dsn string, settings ...string) string {
	t.Helper()
	through, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	port, err := freePort()
	if err != nil {
		t.Fatal(err)
	}
	a, err := serverAccount()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	users, config, log := filepath.Join(dir, "users"), filepath.Join(dir, "config"), filepath.Join(dir, "log")
	password, _ := through.User.Password()
	for path, text := range map[string]string{
		users:  fmt.Sprintf("%q %q\n", through.User.Username(), password),
		config: fmt.Sprintf(poolerConfig, through.Hostname(), through.Port(), port, users, log) + strings.Join(settings, "\n"),
		log:    "",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := a.own(path); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command("pgbouncer", "-q", config)
	if cmd.Path, err = findProgram("pgbouncer"); err != nil {
		t.Fatal(err)
	}
	cmd.SysProcAttr = a.attributes(syscall.SIGKILL)
	p, err := startProcess(cmd)
	if err != nil {
		t.Fatalf("start PgBouncer: %v", err)
	}
	t.Cleanup(func() {
		if err := p.stop(syscall.SIGKILL); err != nil {
			t.Error(err)
		}
		if text, _ := os.ReadFile(log); t.Failed() {
			t.Logf("PgBouncer's log:\n%s", text)
		}
	})
	through.Host = fmt.Sprintf("127.0.0.1:%d", port)
	if err := awaitAnswer(p, through.String()); err != nil {
		t.Fatalf("start PgBouncer: %v", err)
	}
	return through.String()
}

// findProgram looks where a user's PATH often does not, too.
func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		path, err = exec.LookPath("/usr/sbin/" + name)
	}
	if err != nil {
		return "", fmt.Errorf("it is not installed, run `make setup`: %w", err)
	}
	return path, nil
}
