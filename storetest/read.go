package storetest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// everything is a cursor that covers all rows.
var everything = joblog.Cursor{N: math.MaxInt64}

var readTests = []test{
	{"empty", readEmpty},
	{"what was stored", readStored},
	{"pages by rows", readRows},
	{"pages by bytes", readBytes},
	{"a row larger than a page", readLarge},
	{"newest", readLast},
	{"newest by bytes", readLastBytes},
	{"cursors", readCursors},
	{"many holes", readManyHoles},
	{"long words", readWords},
	{"strange ids", readStrange},
}

func read(t *testing.T, s joblog.Store, q joblog.Query) joblog.Page {
	t.Helper()
	page, err := s.Read(deadline(t), q)
	if err != nil {
		t.Fatalf("Read(%+v): %v", q, err)
	}
	ascending(t, ids(page.Events))
	return page
}

// readAll pages through what q asks for, as a stream does, and returns it with
// the number of pages.
func readAll(t *testing.T, s joblog.Store, q joblog.Query) ([]joblog.Event, int) {
	t.Helper()
	var events []joblog.Event
	for pages := 1; ; pages++ {
		page := read(t, s, q)
		events = append(events, page.Events...)
		if !page.More {
			ascending(t, ids(events))
			return events, pages
		}
		through := page.Passed
		if n := len(page.Events); n > 0 {
			through = max(through, page.Events[n-1].ID)
		}
		if through == 0 {
			t.Fatal("an empty page says that there is more, and not from where on")
		}
		q.After = q.After.Union(q.UpTo.Clip(through))
	}
}

func readEmpty(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	for _, q := range []joblog.Query{
		{Job: "job", UpTo: everything},
		{Job: "job", UpTo: everything, Last: true},
		{Job: "unknown", UpTo: everything},
	} {
		if page := read(t, f.Store, q); len(page.Events) != 0 || page.More {
			t.Errorf("got %+v for %+v", page, q)
		}
	}
	last := f.Insert(t, "job", messages(3)...)[2]
	for _, q := range []joblog.Query{
		{Job: "job"},
		{Job: "job", After: joblog.Cursor{N: last}, UpTo: everything},
		{Job: "job", After: everything, UpTo: everything, Last: true},
	} {
		if page := read(t, f.Store, q); len(page.Events) != 0 || page.More {
			t.Errorf("got %+v for %+v", page, q)
		}
	}
}

func readStored(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	f.SetJob(t, "other", "running")
	want := []joblog.Event{
		{Message: "a", Severity: "info", Time: 1_700_000_000_000},
		{Message: "", Severity: "error", Time: 1_700_000_000_001},
		{Message: "line\r\nfeed\t\u2028 \x1b[31mred\x1b[0m \U0001f388", Severity: "Warning", Time: 1_700_000_000_002},
		{Message: "no severity", Time: 1_700_000_000_003},
		{Message: "no time", Severity: "debug"},
		{Message: `{"json":"\u0000'"}`, Severity: "its", Time: 1_700_000_000_004},
	}
	for i := range want {
		f.Insert(t, "other", messages(1)...)
		want[i].ID, want[i].Job = f.Insert(t, "job", want[i])[0], "job"
	}
	got := read(t, f.Store, joblog.Query{Job: "job", UpTo: everything})
	if !slices.Equal(got.Events, want) || got.More {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func readRows(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	const n = 2*joblog.PageRows + 1
	want := f.Insert(t, "job", messages(n)...)
	for limit, pages := range map[int]int{0: 3, 2 * joblog.PageRows: 3, joblog.PageRows / 2: 5, joblog.PageRows: 3} {
		got, turned := readAll(t, f.Store, joblog.Query{Job: "job", UpTo: everything, Limit: limit})
		if !slices.Equal(ids(got), want) || turned != pages {
			t.Errorf("limit %d: got %d rows in %d pages, want %d in %d", limit, len(got), turned, n, pages)
		}
	}
	// A page that ends exactly at the last row has nothing after it.
	page := read(t, f.Store, joblog.Query{Job: "job", UpTo: joblog.Cursor{N: want[99]}, Limit: 100})
	if len(page.Events) != 100 || page.More {
		t.Errorf("got %d rows, more %t; want 100 and no more", len(page.Events), page.More)
	}
}

func readBytes(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	want := f.Insert(t, "job", fat(40, 100_000)...)
	got, pages := readAll(t, f.Store, joblog.Query{Job: "job", UpTo: everything})
	if !slices.Equal(ids(got), want) {
		t.Errorf("got ids %v, want %v", ids(got), want)
	}
	if pages < 4 || pages > 8 {
		t.Errorf("got %d pages for 4 MB", pages)
	}
	page := read(t, f.Store, joblog.Query{Job: "job", UpTo: everything})
	if n := len(page.Events); n > joblog.PageBytes/100_000 || n < joblog.PageBytes/100_000/2 {
		t.Errorf("got %d rows of 100 kB in a page of %d bytes", n, joblog.PageBytes)
	}
}

// fat makes n events with messages of this size.
func fat(n, size int) []joblog.Event {
	events := messages(n)
	for i := range events {
		events[i].Message = strings.Repeat(string(rune('a'+i%26)), size)
	}
	return events
}

func readLarge(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	large := joblog.Event{Message: strings.Repeat("日本", joblog.PageBytes/6+1000), Severity: "info"}
	want := slices.Concat(f.Insert(t, "job", messages(2)...), f.Insert(t, "job", large, large), f.Insert(t, "job", messages(2)...))
	for _, last := range []bool{false, true} {
		q := joblog.Query{Job: "job", UpTo: everything, Last: last}
		var got []int64
		for range want {
			page := read(t, f.Store, q)
			for _, e := range page.Events {
				checkLarge(t, e, large.Message, len(page.Events))
			}
			if len(page.Events) == 0 {
				t.Fatalf("got an empty page after ids %v", got)
			}
			if got = append(got, ids(page.Events)...); !page.More {
				break
			}
			if last {
				q.UpTo = joblog.Cursor{N: page.Events[0].ID - 1}
			} else {
				q.After = joblog.Cursor{N: page.Events[len(page.Events)-1].ID}
			}
		}
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("last %t: got ids %v, want %v", last, got, want)
		}
	}
}

// checkLarge checks a row of a page that has this many rows.
func checkLarge(t *testing.T, e joblog.Event, full string, rows int) {
	t.Helper()
	switch {
	case len(e.Message) < 100:
		if e.Truncated {
			t.Errorf("row %d is marked as truncated", e.ID)
		}
	case rows > 1:
		t.Errorf("a large row shares its page with %d others", rows-1)
	case e.Truncated == (len(e.Message) == len(full)):
		t.Errorf("truncated is %t with %d of %d bytes", e.Truncated, len(e.Message), len(full))
	case !strings.HasPrefix(full, e.Message) || !utf8.ValidString(e.Message):
		t.Error("the message was not cut cleanly")
	}
}

func readLast(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	all := f.Insert(t, "job", messages(joblog.PageRows+10)...)
	for limit, want := range map[int]int{1: 1, 7: 7, 0: joblog.PageRows} {
		page := read(t, f.Store, joblog.Query{Job: "job", UpTo: everything, Last: true, Limit: limit})
		if !slices.Equal(ids(page.Events), all[len(all)-want:]) || !page.More {
			t.Errorf("limit %d: got %d rows, more %t; want the newest %d and more", limit, len(page.Events), page.More, want)
		}
	}
	page := read(t, f.Store, joblog.Query{
		Job: "job", After: joblog.Cursor{N: all[4]}, UpTo: joblog.Cursor{N: all[9]}, Last: true, Limit: 5,
	})
	if !slices.Equal(ids(page.Events), all[5:10]) || page.More {
		t.Errorf("got %v, more %t; want %v and no more", ids(page.Events), page.More, all[5:10])
	}
}

func readLastBytes(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	all := f.Insert(t, "job", fat(20, 100_000)...)
	page := read(t, f.Store, joblog.Query{Job: "job", UpTo: everything, Last: true})
	n := len(page.Events)
	if n > joblog.PageBytes/100_000 || n < joblog.PageBytes/100_000/2 || !page.More {
		t.Fatalf("got %d rows of 100 kB, more %t", n, page.More)
	}
	if !slices.Equal(ids(page.Events), all[len(all)-n:]) {
		t.Errorf("got ids %v, want the newest of %v", ids(page.Events), all)
	}
}

// readCursors compares with the definition: what UpTo covers and After does not.
func readCursors(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	f.SetJob(t, "other", "running")
	var all []int64
	for range 30 {
		all = append(all, f.Insert(t, "job", messages(2)...)...)
		f.Insert(t, "other", messages(1)...)
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 60 {
		q := joblog.Query{Job: "job", After: randomCursor(rng, all), UpTo: randomCursor(rng, all), Limit: 1 + rng.IntN(20)}
		want := slices.DeleteFunc(slices.Clone(all), func(id int64) bool { return !q.UpTo.Covers(id) || q.After.Covers(id) })
		if got, _ := readAll(t, f.Store, q); !slices.Equal(ids(got), want) {
			t.Errorf("%d: %+v: got %v, want %v", i, q, ids(got), want)
		}
		q.Last = true
		newest := want[max(0, len(want)-q.Limit):]
		if page := read(t, f.Store, q); !slices.Equal(ids(page.Events), newest) || page.More != (len(newest) < len(want)) {
			t.Errorf("%d: %+v: got %v, more %t; want %v of %v", i, q, ids(page.Events), page.More, newest, want)
		}
	}
}

// randomCursor stands somewhere around these ids, often with holes.
func randomCursor(rng *rand.Rand, all []int64) joblog.Cursor {
	c := joblog.Cursor{N: all[rng.IntN(len(all))]}
	switch rng.IntN(6) {
	case 0:
		return everything
	case 1:
		return joblog.Cursor{}
	}
	for range rng.IntN(8) {
		if id := all[rng.IntN(len(all))]; c.Covers(id) {
			c.Holes = c.Holes.Add(id)
		}
	}
	return c
}

func readManyHoles(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	all := f.Insert(t, "job", messages(1200)...)
	after := joblog.Cursor{N: all[len(all)-1]}
	var want []int64
	for i := 0; i < len(all); i += 3 {
		after.Holes = after.Holes.Add(all[i])
		want = append(want, all[i])
	}
	for _, limit := range []int{0, 37} {
		got, _ := readAll(t, f.Store, joblog.Query{Job: "job", After: after, UpTo: everything, Limit: limit})
		if !slices.Equal(ids(got), want) {
			t.Errorf("limit %d: got %d rows, want %d", limit, len(got), len(want))
		}
	}
	got, _ := readAll(t, f.Store, joblog.Query{Job: "job", UpTo: after})
	if len(got) != len(all)-len(want) {
		t.Errorf("got %d rows up to the cursor, want %d", len(got), len(all)-len(want))
	}
}

// readStrange asks for jobs that cannot be. They have no rows.
func readStrange(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	f.Insert(t, "job", messages(1)...)
	for _, id := range impossible {
		t.Run(fmt.Sprintf("%.20q", id), func(t *testing.T) {
			if page := read(t, f.Store, joblog.Query{Job: id, UpTo: everything}); len(page.Events) != 0 || page.More {
				t.Errorf("got %+v", page)
			}
		})
	}
}

// readWords has severities and a state of a megabyte. What is read of them has a
// bound.
func readWords(t *testing.T, f Fixture) {
	const n = 20
	f.SetJob(t, "job", strings.Repeat("日本", 1<<17))
	watch := follow(t, f.Store, "job")
	rows := messages(n)
	for i := range rows {
		rows[i].Severity = strings.Repeat(string([]rune{'a', 'é', '日', '🎈'}[i%4]), 1<<18)
	}
	f.Insert(t, "job", rows...)
	tick := watch.tick()
	page := read(t, f.Store, joblog.Query{Job: "job", UpTo: everything})
	for what, events := range map[string][]joblog.Event{"a tick": tick.Events, "a page": page.Events} {
		if len(events) != n {
			t.Errorf("%s has %d rows, want %d", what, len(events), n)
		}
		for i, e := range events {
			checkWord(t, e.Severity, rows[i].Severity)
		}
	}
	job := askFor(t, f.Store, joblog.Ask{ID: "job", AnyOwner: true})[joblog.Ask{ID: "job", AnyOwner: true}]
	checkWord(t, job.State, strings.Repeat("日本", 1<<17))
}

// checkWord fails unless a word is the beginning of another one, as long as may be.
func checkWord(t *testing.T, word, full string) {
	t.Helper()
	if n := len(word); n > joblog.WordBytes || n <= joblog.WordBytes-utf8.UTFMax || !strings.HasPrefix(full, word) || !utf8.ValidString(word) {
		t.Errorf("of a word of %d bytes there are %d: %.20q", len(full), n, word)
	}
}
