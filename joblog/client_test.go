package joblog

import (
	"encoding/json"
	"strings"
	"testing"
)

// client is a viewer of job a: what it has seen, over all its connections.
type client struct {
	stream *Stream
	last   string // the id it would resume with
	seen   []int64
	loose  int // of those, the last ones, no id says so
	ends   int
	told   int
	rank   Rank
	shares bool // bursts and sheets, with others
}

// stop ends the connection.
func (c *client) stop() {
	if c.stream != nil {
		c.stream.Close()
		c.stream = nil
	}
}

func (c *client) connect(t *testing.T, w *world) {
	t.Helper()
	var after Cursor
	var mark Mark
	if c.last != "" {
		var err error
		if after, mark, err = ParseID(c.last); err != nil {
			t.Fatal(err)
		}
	}
	c.stop()
	c.seen, c.loose = c.seen[:len(c.seen)-c.loose], 0 // they come again
	var src Source = w
	if c.shares {
		src = sharing{w}
	}
	c.stream, c.told = NewStream(src, w.em, Options{After: after, Told: mark, Tail: -1, Rank: c.rank}), 0
}

// next is what comes next, as a parked stream or another one gets it.
func (c *client) next(t *testing.T, w *world) ([]byte, State) {
	t.Helper()
	if c.shares {
		if burst, ok := c.stream.Shared(&w.bursts); ok && burst != nil {
			return burst.Body(), More
		} else if ok {
			return nil, Idle
		}
	}
	b, state, _ := c.stream.Pull(t.Context(), nil)
	if w.r.IntN(4) == 0 {
		c.stream.Drop()
	}
	return b, state
}

// pull pulls once and reads what came, of which a cut may lose the end.
func (c *client) pull(t *testing.T, w *world, cut bool) State {
	t.Helper()
	r := w.r
	b, state := c.next(t, w)
	frames := strings.SplitAfter(string(b), "\n\n")
	if cut {
		frames = frames[:r.IntN(len(frames))]
	}
	for _, frame := range frames {
		if strings.Contains(frame, `data: {"log":`) && !strings.HasPrefix(frame, "id: ") && len(c.last) < shortID/2 {
			t.Fatalf("a row without an id: %q after %s", frame, c.last)
		}
		for line := range strings.SplitSeq(frame, "\n") {
			if id, ok := strings.CutPrefix(line, "id: "); ok {
				c.last, c.loose = id, 0
				if strings.HasPrefix(frame, "id: ") && strings.Contains(frame, `data: {"log":`) {
					c.loose-- // it is of the row that follows
				}
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok {
				c.take(t, data, strings.HasPrefix(frame, "event: caught_up"))
			}
		}
	}
	return state
}

func (c *client) take(t *testing.T, data string, told bool) {
	t.Helper()
	var v struct {
		Type string
		Log  *struct {
			ID int64 `json:"event_id"`
		}
	}
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatal(err)
	}
	switch {
	case told:
		c.told++
	case v.Type == "complete":
		c.ends++
	default:
		if c.ends > 0 {
			t.Fatal("a row came after the end")
		}
		c.seen = append(c.seen, v.Log.ID)
		c.loose++
	}
}
