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
	faults                           map[string]int
	cursors                          map[string][]int // lengths, by kind of seed
}

func (c *counts) add(s *scenario, want map[string]map[int64]string, watching []*viewer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seeds++
	for _, j := range s.jobs {
		c.rows += len(want[j.name])
		c.late += len(want[j.name]) - j.rows
	}
	if c.cursors == nil {
		c.cursors = map[string][]int{}
	}
	for _, v := range watching {
		c.deliveries += len(v.got)
		c.resumes += v.resumes
		c.again += v.again
		c.cursors[s.kind()] = append(c.cursors[s.kind()], v.cursors...)
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

// end counts an end beside other jobs' writers.
func (c *counts) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ends++
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
	return fmt.Sprintf("%d seeds, %d rows, %d deliveries, %d resumes, %d ends beside writers, %d rows later than ends, %d rows again after an id near its bound%s%s",
		c.seeds, c.rows, c.deliveries, c.resumes, c.ends, c.late, c.again, &faults, &cursors)
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
