// Package testcaddy builds and runs the real binary for tests.
package testcaddy

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// AsUsers are the flags of `go build` that make what users have: those of
// xcaddy, so that the two share the compiled packages.
var AsUsers = []string{"-trimpath", "-ldflags=-w -s", "-tags=nobadger,nomysql,nopgx"}

// Build compiles cmd/caddy under a name, which no other package uses at the
// same time, and returns the binary's path.
func Build(name string, flags ...string) (string, error) {
	root, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	binary := filepath.Join(strings.TrimSpace(string(root)), ".cache", "e2e", name)
	args := append([]string{"build", "-o", binary}, flags...)
	if out, err := exec.Command("go", append(args, "github.com/caddyjobs/caddyjobs/cmd/caddy")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return binary, nil
}

// Command is a Caddy that finds nothing of the user's who runs the tests. What
// it keeps is below home.
func Command(binary, home string, args ...string) *exec.Cmd {
	cmd := exec.Command(binary, args...)
	cmd.Dir = home
	cmd.Env = append(os.Environ(), "HOME="+home, "XDG_DATA_HOME="+home+"/data", "XDG_CONFIG_HOME="+home+"/config",
		"GORACE=halt_on_error=1")
	return cmd
}

// CheckLog fails the test if Caddy's log tells of a data race or a panic, and
// shows the log's end if the test has failed.
func CheckLog(t testing.TB, file string) {
	t.Helper()
	log, err := os.ReadFile(file)
	if err != nil {
		t.Error(err)
	}
	for _, bad := range []string{"DATA RACE", "panic"} {
		if bytes.Contains(log, []byte(bad)) {
			t.Errorf("Caddy's log has %q", bad)
		}
	}
	if t.Failed() {
		t.Logf("Caddy's log ends with\n%s", log[max(0, len(log)-8000):])
	}
}
