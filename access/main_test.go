package access

import (
	"testing"
	"time"

	"go.uber.org/goleak"
)

// elapse lets the clock of a test's bubble (testing/synctest) go on by d. Nothing
// waits for it: the clock jumps as soon as all goroutines of the bubble are idle.
func elapse(d time.Duration) { time.Sleep(d) }

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
