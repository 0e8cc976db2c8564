package e2e

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// patience is how long a test waits for what should come soon. It is long
// because two cores run browsers, databases and race detectors at once.
const patience = 60 * time.Second

func TestMain(m *testing.M) { testdb.Main(m) }

// The binaries under test, each built once and when first needed. raceCaddy
// looks for data races; plainCaddy is what users run, whose memory can be
// measured: its flags are those of xcaddy, so that the two share the
// compiled packages.
var (
	raceCaddy  = sync.OnceValues(func() (string, error) { return build("caddy-race", "-race") })
	plainCaddy = sync.OnceValues(func() (string, error) {
		return build("caddy", "-trimpath", "-ldflags=-w -s", "-tags=nobadger,nomysql,nopgx")
	})
)

// build compiles cmd/caddy and returns the binary's absolute path.
func build(name string, flags ...string) (string, error) {
	binary, err := filepath.Abs(filepath.Join("..", ".cache", "e2e", name))
	if err != nil {
		return "", err
	}
	args := append([]string{"build", "-o", binary}, flags...)
	if out, err := exec.Command("go", append(args, "../cmd/caddy")...).CombinedOutput(); err != nil {
		return "", fmt.Errorf("go %v: %w\n%s", args, err, out)
	}
	return binary, nil
}
