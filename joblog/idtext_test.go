package joblog

import (
	"math/rand/v2"
	"testing"
)

// TestIDText compares the ids of rows of legs with many holes with those of the
// cursors after them, for each id there may be.
func TestIDText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	holed := func(n, dense int64) (c Cursor) {
		c.N = n
		for at := 1 + r.Int64N(9); at < n; at += 2 + r.Int64N(dense) {
			hi := min(at+r.Int64N(4), n)
			c.Holes = append(c.Holes, Range{at, hi})
			at = hi
		}
		return c
	}
	used := 0
	for range 300 {
		from, to := holed(200+r.Int64N(200), 1+r.Int64N(12)), holed(400+r.Int64N(100), 1+r.Int64N(90))
		l := leg{from: from, to: from.Union(to)}
		text := newIDText(l)
		for id := int64(1); id <= l.to.N; id++ {
			if full, _ := text.parts(id); len(full) > 0 {
				used++
			}
			if got, want := string(text.append(nil, id)), string(appendID(nil, l.after(id), 0)); got != want {
				t.Fatalf("from %s to %s, the id of row %d is %q, want %q", l.from, l.to, id, got, want)
			}
		}
	}
	if used < 1000 {
		t.Errorf("the text was of use %d times", used)
	}
}
