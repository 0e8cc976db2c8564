package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestQueries counts what reaches Postgres while 1,000 jobs are watched at
// once: two queries a tick, and none soon after the last viewer left.
func TestQueries(t *testing.T) {
	t.Parallel()
	const jobs, interval, window = 1000, 200 * time.Millisecond, 5 * time.Second
	a, counter := newCountedApp(t)
	s := start(t, config{store: a.store, jobs: "poll_interval 200ms", site: "metrics /metrics"})
	a.exec(t, `INSERT INTO vibe_tasks (task_id, execution_state) SELECT 'job-' || i, 'running' FROM generate_series(0, 999) i`)
	a.exec(t, `INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		SELECT 'job-' || i % 1000, 'backlog', 'info', 1234567890 FROM generate_series(0, 1999) i`)

	watched := t.Run("watched", func(t *testing.T) {
		var watching []*transcript
		for i := range jobs {
			watching = append(watching, watch(t, s, fmt.Sprintf("/jobs/job-%d/logs", i)))
		}
		for _, tr := range watching {
			tr.awaitLines(t, 2)
		}
		before, connections, ticked := counter.count(), counter.connections(), s.ticks(t)
		tickingBefore := counter.ticking()
		begin := time.Now()
		// A round of rows in the midst of it, so that ticks have work, too.
		a.exec(t, `INSERT INTO vibe_events (task_id, event_message, severity, event_time)
			SELECT 'job-' || i, 'live', 'info', 1234567890 FROM generate_series(0, 999) i`)
		for _, tr := range watching {
			tr.awaitLines(t, 3)
		}
		wait(t.Context(), window-time.Since(begin)) // a rate needs time to be counted in
		queries, fresh := counter.count()-before, counter.connections()-connections
		ticking := counter.ticking() - tickingBefore
		ticks, elapsed := s.ticks(t)-ticked, time.Since(begin)
		t.Logf("%d queries in %d ticks in %s, on %d new connections", queries, ticks, elapsed, fresh)
		// One tick may be under way. Each has two queries.
		if most := 2 * (ticks + 1); ticking > most {
			t.Errorf("want at most %d queries of ticks, got %d:\n%s", most, ticking, counter.summary())
		}
		// A connection that is new to the ticks makes the store look at its tables
		// again: some 16 queries. Once a heartbeat the store is asked for the jobs of all
		// viewers, and for rows of those that changed, on two connections that were idle,
		// each of which is pinged first. None of these grows with the viewers.
		if most := 2*(ticks+1) + 16*(fresh+1) + 2*2; queries > most {
			t.Errorf("want at most %d queries:\n%s", most, counter.summary())
		}
		// Ticks are sooner after the last viewer came, and after the rows: at once, and
		// 50 and 100 ms later.
		if most := int(elapsed/interval) + 1 + 2*3; ticks > most {
			t.Errorf("want at most %d ticks", most)
		}
		if ticks == 0 || queries < 2*(ticks-1) {
			t.Error("there are ticks without queries: the counter does not see them")
		}
	}) // here the viewers leave
	if !watched {
		return
	}
	left := time.Now()
	deadline := time.NewTimer(7 * time.Second)
	defer deadline.Stop()
	for counter.quiet(left) < 2*time.Second {
		select {
		case <-deadline.C:
			t.Fatalf("there are still queries %v after the last viewer left:\n%s", time.Since(left), counter.summary())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// ticks is how many there have been, as the server's metrics have it.
func (s *server) ticks(t *testing.T) int {
	t.Helper()
	_, page := s.do(t, "GET", "/metrics", "")
	found := tickCount.FindStringSubmatch(page)
	if found == nil {
		t.Fatalf("no count of ticks is among the metrics:\n%s", page)
	}
	n, err := strconv.Atoi(found[1])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var tickCount = regexp.MustCompile(`(?m)^caddyjobs_poll_duration_seconds_count\{store="default"\} (\d+)$`)

// ticking is how many of the queries were a tick's.
func (c *counter) ticking() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for text, count := range c.counts {
		if strings.Contains(text, "caddyjobs_rows") || strings.Contains(text, "caddyjobs_heirs") {
			n += count
		}
	}
	return n
}

// counter counts the queries that pass a relay to Postgres, by reading the
// messages of its protocol.
type counter struct {
	mu     sync.Mutex
	conns  map[net.Conn]*pgReader
	counts map[string]int // by text
	total  int
	last   time.Time
}

// pgReader is one connection's unread bytes and prepared statements.
type pgReader struct {
	buf        []byte
	started    bool // the start-up message, which has no type, has passed
	statements map[string]string
}

func newCounter() *counter {
	return &counter{conns: map[net.Conn]*pgReader{}, counts: map[string]int{}}
}

// sees is a relay's hook.
func (c *counter) sees(conn net.Conn, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.conns[conn]
	if r == nil {
		r = &pgReader{statements: map[string]string{}}
		c.conns[conn] = r
	}
	r.buf = append(r.buf, b...)
	for query, ok := r.next(); ok; query, ok = r.next() {
		if query != "" {
			c.counts[query]++
			c.total++
			c.last = time.Now()
		}
	}
}

// next takes one whole message, and returns the query that it executes, if any.
func (r *pgReader) next() (query string, ok bool) {
	head := 5
	if !r.started {
		head = 4
	}
	if len(r.buf) < head {
		return "", false
	}
	size := head - 4 + int(binary.BigEndian.Uint32(r.buf[head-4:]))
	if len(r.buf) < size {
		return "", false
	}
	kind, body := r.buf[0], r.buf[head:size]
	r.buf = r.buf[size:]
	if !r.started {
		r.started = true
		return "", true
	}
	texts := bytes.SplitN(body, []byte{0}, 3)
	switch kind {
	case 'Q': // a simple query
		query = string(texts[0])
	case 'P': // Parse: the statement's name and its text
		r.statements[string(texts[0])] = string(texts[1])
	case 'B': // Bind: a portal and the statement that it is to run
		query = r.statements[string(texts[1])]
	}
	query = strings.Join(strings.Fields(query), " ")
	for _, frame := range []string{"begin", "commit", "rollback"} {
		if strings.HasPrefix(strings.ToLower(query), frame) {
			return "", true // a transaction's frame reads nothing
		}
	}
	return query, true
}

func (c *counter) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.total
}

// connections is how many there have been.
func (c *counter) connections() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.conns)
}

// quiet is how long there has been no query, counted from a time at the earliest.
func (c *counter) quiet(from time.Time) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.last.After(from) {
		from = c.last
	}
	return time.Since(from)
}

func (c *counter) summary() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	var b strings.Builder
	for query, n := range c.counts {
		fmt.Fprintf(&b, "%6d %.200s\n", n, query)
	}
	return b.String()
}
