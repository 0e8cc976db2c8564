package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
)

// counts are what the seeds came to.
type counts struct {
	mu                               sync.Mutex
	seeds, rows, deliveries, resumes int
	ends                             int // beside other jobs' writers
	again                            int // rows that came twice after an id near its bound
	late                             int // rows that were committed after the ends of their jobs
	stateFirst, tooLate              int // ends whose rows came after the state, and too long after it
	edited, deleted                  int // rows
	remade, deserted                 int // jobs that were deleted, and those whose streams were waited for
	cuts, unheard                    int // viewers that left at the last rows, and at the end
	holed, holes                     int // viewers that resumed with 100 holes or more, and the most
	calls                            int // that had to succeed after connections had been cut
	faults                           map[string]int
	cursors                          map[string][]int // lengths, by kind of seed
}

// add adds to one of the counts.
func (c *counts) add(to *int, n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	*to += n
}

// sum adds what a seed came to.
func (c *counts) sum(s *scenario, want map[string]table, watching []*viewer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seeds++
	for _, j := range s.jobs {
		c.rows += len(want[j.name])
		c.late += max(0, len(want[j.name])-j.rows) // some are deleted later
	}
	if c.cursors == nil {
		c.cursors = map[string][]int{}
	}
	for _, v := range watching {
		c.deliveries += len(v.got)
		c.resumes += v.tally.resumes
		c.again += v.tally.again
		c.cuts += v.tally.cuts
		c.unheard += v.tally.unheard
		if c.holes = max(c.holes, v.tally.holes); v.tally.holes >= 100 {
			c.holed++
		}
		c.cursors[s.kind()] = append(c.cursors[s.kind()], v.tally.cursors...)
	}
}

func (c *counts) fault(kind string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.faults == nil {
		c.faults = map[string]int{}
	}
	c.faults[kind]++
}

func (c *counts) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var faults, cursors strings.Builder
	for _, kind := range slices.Sorted(maps.Keys(c.faults)) {
		fmt.Fprintf(&faults, "\n\t%d times %s", c.faults[kind], kind)
	}
	for _, kind := range slices.Sorted(maps.Keys(c.cursors)) {
		fmt.Fprintf(&cursors, "\n\tids of %s: %s", kind, lengths(c.cursors[kind]))
	}
	return fmt.Sprintf(`%d seeds, %d rows, %d deliveries, %d resumes, %d ends beside writers, %d rows later than ends, %d rows again after an id near its bound
	%d ends before the last rows, %d of them too long; %d rows edited, %d deleted; %d jobs deleted, of which %d waited for their streams
	viewers left %d times at the last rows, and %d times as if not told the end; %d resumed with 100 holes or more, at most %d; %d calls after cuts%s%s`,
		c.seeds, c.rows, c.deliveries, c.resumes, c.ends, c.late, c.again, c.stateFirst, c.tooLate, c.edited, c.deleted, c.remade, c.deserted,
		c.cuts, c.unheard, c.holed, c.holes, c.calls, &faults, &cursors)
}

// lengths says how some lengths are distributed.
func lengths(list []int) string {
	if len(list) == 0 {
		return "none"
	}
	slices.Sort(list)
	at := func(part float64) int { return list[int(part*float64(len(list)-1))] }
	over, _ := slices.BinarySearch(list, preflight+1)
	return fmt.Sprintf("%d bytes (median), %d (99 %%), %d (99.9 %%), %d (longest); %d of %d longer than %d",
		at(0.5), at(0.99), at(0.999), at(1), len(list)-over, len(list), preflight)
}

// preflight is the length in bytes beyond which browsers ask before they send
// an id to another origin.
const preflight = 128
