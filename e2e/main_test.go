package e2e

import (
	"flag"
	"sync"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/internal/testcaddy"
	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// patience is how long a test waits for what should come soon. It is long
// because two cores run browsers, databases and race detectors at once.
const patience = 60 * time.Second

// parkingFlag is how all servers here are run: the suite holds either way.
var parkingFlag = flag.String("parking", "on", "whether streams are parked: on or off")

func TestMain(m *testing.M) { testdb.Main(m) }

// The binaries under test, each built once and when first needed. raceCaddy
// looks for data races; plainCaddy is what users run, whose memory can be
// measured.
var (
	raceCaddy  = sync.OnceValues(func() (string, error) { return testcaddy.Build("caddy-race", "-race") })
	plainCaddy = sync.OnceValues(func() (string, error) { return testcaddy.Build("caddy", testcaddy.AsUsers...) })
)
