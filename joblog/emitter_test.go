package joblog

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// holed is a position with so many holes, and an id between each two.
func holed(n int64) (pos Cursor) {
	for id := int64(1); id < 2*n; id += 2 {
		pos.Holes = append(pos.Holes, Range{id, id})
	}
	pos.N = 2 * n
	return pos
}

// rowsOf are events of one job.
func rowsOf(ids []int64) (events []Event) {
	for _, id := range ids {
		events = append(events, Event{ID: id, Job: "a", Message: "m"})
	}
	return events
}

// TestManyHoles opens a job beside a writer who has very many ids. Each frame
// has an id of a bounded length that covers what was delivered at most, and all
// together take no memory to speak of.
func TestManyHoles(t *testing.T) {
	for name, c := range map[string]struct {
		holes int64
		late  bool // the rows are in the holes
		most  uint64
	}{
		"new rows":  {20_000, false, 8 << 20},
		"late rows": {5_000, true, 32 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			pos := holed(c.holes)
			lacking := map[int64]bool{}
			for _, h := range pos.Holes {
				lacking[h.Lo] = true
			}
			e := NewEmitter("a")
			e.Open(pos)
			var ids []int64
			for range 500 {
				if c.late {
					ids, pos.Holes = append(ids, pos.Holes[0].Lo), pos.Holes[1:]
				} else {
					pos.N++
					ids, lacking[pos.N] = append(ids, pos.N), true
				}
			}
			var before, then runtime.MemStats
			runtime.ReadMemStats(&before)
			e.Append(pos, time.Time{}, rowsOf(ids))
			runtime.ReadMemStats(&then)
			if took := then.TotalAlloc - before.TotalAlloc; took > c.most {
				t.Errorf("it took %d MiB, at most %d are allowed", took>>20, c.most>>20)
			}
			checkFrames(t, e, lacking)
		})
	}
}

// checkFrames checks the ids of a ring, before which a viewer lacks some rows.
func checkFrames(t *testing.T, e *Emitter, lacking map[int64]bool) {
	t.Helper()
	e.Range(0, func(f *Frame) bool {
		id, _, _ := bytes.Cut(f.SSE(), []byte("\n"))
		c, err := ParseCursor(string(bytes.TrimPrefix(id, []byte("id: "))))
		if err != nil {
			t.Errorf("row %d: %v", f.ID, err)
			return false
		}
		delete(lacking, f.ID)
		for id := range lacking {
			if c.Covers(id) {
				t.Errorf("row %d: its cursor covers row %d, which is not delivered", f.ID, id)
				return false
			}
		}
		return true
	})
}

// TestLegs compares the cursors of a leg with those made one by one.
func TestLegs(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	for range 20_000 {
		from, pos := randomCursor(r), randomCursor(r)
		l := leg{from, from.Union(pos)}
		at := from
		for id := int64(1); id <= pos.N; id++ {
			if !pos.Covers(id) {
				continue
			}
			at = at.Union(pos.Clip(id))
			if got := l.after(id); set(got) != set(at) {
				t.Fatalf("after %d, from %s to %s: %s, want %s", id, l.from, l.to, got, at)
			} else if sound(t, got); id >= from.N && len(got.Holes) > 0 && &got.Holes[0] != &l.to.Holes[0] {
				t.Fatalf("after %d, from %s to %s: its holes are its own", id, l.from, l.to)
			}
		}
	}
}
