package e2e

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestQueries counts what reaches Postgres while 1,000 jobs are watched at
// once: at most two queries a tick, and none soon after the last viewer left.
func TestQueries(t *testing.T) {
	t.Parallel()
	const jobs, interval, window = 1000, 200 * time.Millisecond, 5 * time.Second
	a, counter := newCountedApp(t)
	s := start(t, config{store: a.store, jobs: "poll_interval 200ms"})
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
		before, connections := counter.count(), counter.connections()
		begin := time.Now()
		// A round of rows in the midst of it, so that ticks have work, too.
		a.exec(t, `INSERT INTO vibe_events (task_id, event_message, severity, event_time)
			SELECT 'job-' || i, 'live', 'info', 1234567890 FROM generate_series(0, 999) i`)
		for _, tr := range watching {
			tr.awaitLines(t, 3)
		}
		wait(t.Context(), window-time.Since(begin)) // a rate needs time to be counted in
		queries, ticks := counter.count()-before, int(time.Since(begin)/interval)+1
		t.Logf("%d queries in %d ticks", queries, ticks)
		// A connection that is new makes the store look at its tables again, and at
		// the newest rows: five queries that are no tick's.
		fresh := counter.connections() - connections
		if most := 2*ticks + 5*fresh; queries > most {
			t.Errorf("%d queries in %d ticks on %d new connections, want at most %d:\n%s", queries, ticks, fresh, most, counter.summary())
		}
		if queries == 0 {
			t.Error("no query was counted: the counter does not see them")
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
