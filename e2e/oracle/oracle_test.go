package oracle

import (
	"flag"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/internal/testcaddy"
	"github.com/caddyjobs/caddyjobs/internal/testdb"
)

// patience is how long anything may take that should come soon.
const patience = 90 * time.Second

var (
	seeds   = flag.Int("seeds", 200, "how many seeds to run; 0 for as many as there is time for")
	seed    = flag.Int64("seed", 0, "the one seed to run")
	abreast = flag.Int("abreast", 6, "how many seeds to run at a time")
	rounds  = flag.Int("ordinary", 4, "how many rounds of ordinary load to measure")
)

func TestMain(m *testing.M) { testdb.Main(m) }

// TestOracle runs seeds, some at a time, on all grounds and two nodes.
func TestOracle(t *testing.T) {
	w := newWorld(t, torn(t))
	begin := time.Now()
	first, last := begin.UnixMicro(), begin.UnixMicro()+int64(*seeds)-1
	switch {
	case *seed != 0:
		first, last = *seed, *seed
	case *seeds == 0:
		last = 1 << 62
	}
	t.Logf("seeds from %d", first)
	next := make(chan int64)
	var running sync.WaitGroup
	for range *abreast {
		running.Go(func() {
			for seed := range next {
				w.run(t, newScenario(w, seed))
			}
		})
	}
	deadline, limited := t.Deadline()
	for s := first; s <= last && (!limited || time.Until(deadline) >= patience); s++ {
		next <- s
	}
	close(next)
	running.Wait()
	t.Logf("%s\nin %v", &w.count, time.Since(begin).Round(time.Second))
}

// TestOrdinaryLoad measures how long the ids of rows are where ten writers
// commit within 30 ms, and roll back one time in ten.
func TestOrdinaryLoad(t *testing.T) {
	w := newWorld(t, []*ground{{name: "ordinary", table: "vibe_events", schema: asIs, server: testdb.Shared(t, "18")}})
	for range *rounds {
		s := newScenario(w, time.Now().UnixMicro())
		s.ordinary, s.early, s.woven, s.length = true, false, false, 2*time.Second
		for _, j := range s.jobs {
			j.course = straight
		}
		w.run(t, s)
	}
	t.Log(&w.count)
	for _, list := range w.count.cursors {
		slices.Sort(list)
		if long := list[len(list)*999/1000]; long > preflight {
			t.Errorf("one id in a thousand is %d bytes long, want at most %d", long, preflight)
		}
	}
}

// world is what all seeds share.
type world struct {
	grounds []*ground
	nodes   [2]*node
	count   counts
}

func newWorld(t *testing.T, grounds []*ground) *world {
	t.Helper()
	binary, err := testcaddy.Build("caddy-oracle", "-race")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{grounds: grounds}
	for _, g := range grounds {
		g.create(t, binary)
	}
	for i := range w.nodes {
		w.nodes[i] = newNode(t, binary, grounds)
	}
	return w
}
