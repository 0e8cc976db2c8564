package storetest

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var tailTests = []test{
	{"starts after what exists", tailStart},
	{"new rows once and in order", tailNew},
	{"unwatched jobs", tailUnwatched},
	{"end", tailEnd},
	{"end after the last row", tailEndLast},
	{"end that is taken back", tailEndBack},
	{"end among writers", tailEndRace},
	{"concurrent writers", tailWriters},
	{"burst", tailBurst},
	{"burst of large rows", tailFat},
	{"cancelled", tailCancelled},
	{"two tails", tailTwo},
}

// follower drives a tail and checks what holds for every tick.
type follower struct {
	t     *testing.T
	tail  joblog.Tail
	watch joblog.Watch
	got   map[string][]int64 // by job, as delivered
	seen  map[int64]bool
	ended map[string]string
}

func follow(t *testing.T, s joblog.Store, jobs ...string) *follower {
	t.Helper()
	tail, err := s.Tail(deadline(t))
	if err != nil {
		t.Fatalf("Tail: %v", err)
	}
	f := &follower{t: t, tail: tail, got: map[string][]int64{}, seen: map[int64]bool{}, ended: map[string]string{}}
	f.watch.Jobs = map[string]struct{}{}
	for _, job := range jobs {
		f.watch.Jobs[job] = struct{}{}
	}
	return f
}

// tick calls Next once.
func (f *follower) tick() joblog.Tick {
	f.t.Helper()
	tick, err := f.try(deadline(f.t))
	if err != nil {
		f.t.Fatalf("Next: %v", err)
	}
	return tick
}

// try calls Next once, which may fail: nothing must have changed then.
func (f *follower) try(ctx context.Context) (joblog.Tick, error) {
	f.t.Helper()
	before := f.tail.Position()
	tick, err := f.tail.Next(ctx, f.watch)
	after := f.tail.Position()
	if err != nil {
		if after.String() != before.String() {
			f.t.Fatalf("the position went from %s to %s by a call that failed: %v", before, after, err)
		}
		return tick, err
	}
	if tick.Position.String() != after.String() || after.N < before.N {
		f.t.Fatalf("position %s, now %s, but the tick says %s", before, after, tick.Position)
	}
	ascending(f.t, ids(tick.Events))
	for _, e := range tick.Events {
		f.check(e, before, after)
	}
	for job, state := range tick.Ended {
		if !slices.Contains(f.watch.Ask, job) {
			f.t.Fatalf("%q ended, which was not asked for", job)
		}
		f.ended[job] = state
	}
	return tick, nil
}

func (f *follower) check(e joblog.Event, before, after joblog.Cursor) {
	f.t.Helper()
	if _, ok := f.watch.Jobs[e.Job]; !ok {
		f.t.Fatalf("row %d is of %q, which is not watched", e.ID, e.Job)
	}
	if f.seen[e.ID] {
		f.t.Fatalf("row %d came twice", e.ID)
	}
	if before.Covers(e.ID) || !after.Covers(e.ID) {
		f.t.Fatalf("row %d came between positions %s and %s", e.ID, before, after)
	}
	if state, ok := f.ended[e.Job]; ok {
		f.t.Fatalf("row %d of %q came after its end, %s", e.ID, e.Job, state)
	}
	f.seen[e.ID] = true
	f.got[e.Job] = append(f.got[e.Job], e.ID)
}

// drain ticks until a tick has no more.
func (f *follower) drain() {
	f.t.Helper()
	for f.tick().More {
	}
}

// until ticks until done. A store may see a row or an end a little later than
// its writer, so between ticks that find nothing there is a short pause.
func (f *follower) until(what string, done func() bool) {
	f.t.Helper()
	late := time.After(patience)
	for !done() {
		tick := f.tick()
		if tick.More || len(tick.Events) > 0 {
			continue
		}
		select {
		case <-late:
			f.t.Fatalf("%s: not within %s; got %v, ended %v", what, patience, f.got, f.ended)
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// expect waits until the job's rows are these, in this order.
func (f *follower) expect(job string, want []int64) {
	f.t.Helper()
	f.until(job, func() bool { return len(f.got[job]) >= len(want) })
	if !slices.Equal(f.got[job], want) {
		f.t.Fatalf("got rows %v of %s, want %v", f.got[job], job, want)
	}
}

func tailStart(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	start := follow(t, f.Store, "job").tail.Position()
	old := f.Insert(t, "job", messages(10)...)
	for _, id := range old {
		if start.Covers(id) {
			t.Errorf("a tail of the empty store, at %s, covers row %d", start, id)
		}
	}
	tail := follow(t, f.Store, "job")
	for _, id := range old {
		if p := tail.tail.Position(); !p.Covers(id) {
			t.Errorf("a new tail, at %s, does not cover row %d", p, id)
		}
	}
	tail.drain()
	tail.expect("job", nil)
	tail.expect("job", f.Insert(t, "job", messages(1)...))
}

func tailNew(t *testing.T, f Fixture) {
	f.SetJob(t, "a", "running")
	f.SetJob(t, "b", "running")
	tail := follow(t, f.Store, "a", "b", "unknown", "it's\x00")
	tail.tick()
	sent := joblog.Event{Message: "text", Severity: "error", Time: 1_700_000_000_000}
	sent.ID, sent.Job = f.Insert(t, "a", sent)[0], "a"
	for tick := tail.tick(); ; tick = tail.tick() {
		if len(tick.Events) > 0 {
			if got := tick.Events[0]; got != sent {
				t.Errorf("got %+v, want %+v", got, sent)
			}
			break
		}
	}
	a, b := []int64{sent.ID}, []int64(nil)
	for range 20 {
		a = append(a, f.Insert(t, "a", messages(2)...)...)
		b = append(b, f.Insert(t, "b", messages(1)...)...)
		tail.expect("b", b)
		tail.expect("a", a)
	}
	tail.drain()
	tail.expect("a", a)
	tail.expect("b", b)
}

func tailUnwatched(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	f.SetJob(t, "other", "running")
	tail := follow(t, f.Store, "job")
	passed := f.Insert(t, "other", messages(50)...)
	tail.until("passing rows", func() bool { return tail.tail.Position().Covers(passed[49]) })
	tail.watch.Jobs = map[string]struct{}{"other": {}}
	more := f.Insert(t, "other", messages(2)...)
	f.Insert(t, "job", messages(2)...)
	tail.expect("other", more)
	tail.watch.Jobs = nil
	passed = f.Insert(t, "other", messages(2)...)
	tail.until("watching nothing", func() bool { return tail.tail.Position().Covers(passed[1]) })
}

func tailEnd(t *testing.T, f Fixture) {
	for _, job := range []string{"a", "b", "c"} {
		f.SetJob(t, job, "running")
	}
	tail := follow(t, f.Store, "a", "b", "c")
	f.SetJob(t, "a", "completed")
	f.SetJob(t, "b", "failed")
	tail.drain() // nothing was asked for
	tail.watch.Ask = []string{"a", "c", "unknown", "it's\x00"}
	tail.until("end of a", func() bool { return tail.ended["a"] == "completed" })
	tail.watch.Ask = []string{"b", "c"}
	tail.until("end of b", func() bool { return tail.ended["b"] == "failed" })
	if len(tail.ended) != 2 {
		t.Errorf("ended are %v", tail.ended)
	}
}

// tailEndLast has more rows before the end than a tick holds.
// tailEndBack asks for a job that ends and goes on, again and again: whether it
// has a terminal state is told each time.
func tailEndBack(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	tail := follow(t, f.Store, "job")
	tail.watch.Ask = []string{"job"}
	for _, state := range []string{"running", "completed", "completed", "queued", "failed", "running"} {
		f.SetJob(t, "job", state)
		tick := tail.tick()
		for tick.More {
			tick = tail.tick()
		}
		want := ""
		if state == "completed" || state == "failed" {
			want = state
		}
		if got := tick.Ended["job"] + tick.Ending["job"]; got != want {
			t.Errorf("of a job that is %s, ended are %v, and %v are to end", state, tick.Ended, tick.Ending)
		}
	}
}

func tailEndLast(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	tail := follow(t, f.Store, "job")
	tail.watch.Ask = []string{"job"}
	want := f.Insert(t, "job", messages(12_000)...)
	f.SetJob(t, "job", "completed")
	tail.until("the end", func() bool { return len(tail.ended) > 0 })
	tail.expect("job", want)
}

func tailEndRace(t *testing.T, f Fixture) {
	const jobs, rows = 30, 5
	var names []string
	for i := range jobs {
		names = append(names, fmt.Sprint("job-", i))
		f.SetJob(t, names[i], "running")
	}
	tail := follow(t, f.Store, names...)
	tail.watch.Ask = names
	var writers sync.WaitGroup
	for i := range 3 {
		writers.Go(func() {
			for j := i; j < jobs; j += 3 {
				for range rows {
					f.Insert(t, names[j], messages(1)...)
				}
				f.SetJob(t, names[j], "completed")
			}
		})
	}
	defer writers.Wait()
	tail.until("all ends", func() bool { return len(tail.ended) == jobs })
	for _, name := range names {
		if n := len(tail.got[name]); n != rows {
			t.Errorf("%s ended after %d rows, want %d", name, n, rows)
		}
	}
}

func tailWriters(t *testing.T, f Fixture) {
	const jobs, batches = 4, 40
	inserted := make([][]int64, jobs)
	tail := follow(t, f.Store)
	for i := range jobs {
		name := fmt.Sprint("job-", i)
		f.SetJob(t, name, "running")
		tail.watch.Jobs[name] = struct{}{}
	}
	var writers sync.WaitGroup
	for i := range jobs {
		writers.Go(func() {
			for j := range batches {
				inserted[i] = append(inserted[i], f.Insert(t, fmt.Sprint("job-", i), messages(1+j%4)...)...)
			}
		})
	}
	done := make(chan struct{})
	go func() { writers.Wait(); close(done) }()
	tail.until("the writers", func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	for i := range jobs {
		name := fmt.Sprint("job-", i)
		tail.until(name, func() bool { return len(tail.got[name]) >= len(inserted[i]) })
		slices.Sort(tail.got[name]) // commits may have another order
		tail.expect(name, inserted[i])
	}
}

// tailBurst writes much at once: memory is bounded, nothing is lost.
func tailBurst(t *testing.T, f Fixture) {
	const bound = 10_000 // of one tick; rather more than any store needs
	f.SetJob(t, "job", "running")
	f.SetJob(t, "other", "running")
	tail := follow(t, f.Store, "job")
	var want []int64
	for range 6 {
		want = append(want, f.Insert(t, "job", messages(2000)...)...)
		f.Insert(t, "other", messages(2000)...)
	}
	for tick := tail.tick(); tick.More; tick = tail.tick() {
		if len(tick.Events) > bound {
			t.Fatalf("got %d rows in a tick", len(tick.Events))
		}
	}
	if n := len(tail.got["job"]); n != len(want) {
		t.Errorf("the last tick says that there is no more after %d of %d rows", n, len(want))
	}
	tail.expect("job", want)
}

func tailFat(t *testing.T, f Fixture) {
	const bound = 16 << 20 // bytes of one tick
	f.SetJob(t, "job", "running")
	tail := follow(t, f.Store, "job")
	var want []int64
	for range 4 {
		want = append(want, f.Insert(t, "job", fat(20, 500_000)...)...)
	}
	for more := true; more; {
		tick, size := tail.tick(), 0
		for i := range tick.Events {
			size += tick.Events[i].Size()
		}
		if size > bound {
			t.Errorf("got %d bytes in a tick", size)
		}
		more = tick.More
	}
	tail.expect("job", want)
}

func tailCancelled(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "completed")
	tail := follow(t, f.Store, "job")
	want := f.Insert(t, "job", messages(3000)...)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := tail.try(ctx); err == nil {
		t.Error("Next with a cancelled context gives no error")
	}
	for i := range 30 { // cut off at any point
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*300*time.Microsecond)
		_, err := tail.try(ctx)
		cancel()
		if err != nil && ctx.Err() == nil {
			t.Fatalf("Next: %v", err)
		}
		want = append(want, f.Insert(t, "job", messages(1)...)...)
	}
	tail.expect("job", want)
}

func tailTwo(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	first := follow(t, f.Store, "job")
	want := f.Insert(t, "job", messages(3)...)
	second := follow(t, f.Reopen(t), "job")
	third := follow(t, f.Store, "job")
	first.expect("job", want)
	more := f.Insert(t, "job", messages(3)...)
	third.expect("job", more)
	second.expect("job", more)
	first.expect("job", append(want, more...))
}
