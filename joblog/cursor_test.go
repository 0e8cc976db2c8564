package joblog

import (
	"errors"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

const universe = 12 // ids of the naive model are 1 to this

// set is what a cursor covers of the universe.
func set(c Cursor) (s [universe + 1]bool) {
	for id := range s {
		s[id] = id > 0 && c.Covers(int64(id))
	}
	return s
}

// randomCursor is any cursor of the universe.
func randomCursor(r *rand.Rand) Cursor {
	c := Cursor{N: r.Int64N(universe + 1)}
	for id := int64(1); id <= c.N; id++ {
		if r.IntN(3) == 0 {
			c.Holes = c.Holes.Add(id)
		}
	}
	return c
}

// sound fails the test unless the holes are as Ranges are to be.
func sound(t testing.TB, c Cursor) {
	t.Helper()
	last := int64(-1)
	for _, h := range c.Holes {
		if h.Lo < 1 || h.Hi < h.Lo || h.Hi > c.N || h.Lo <= last+1 && last >= 0 {
			t.Fatalf("holes %v of %d", c.Holes, c.N)
		}
		last = h.Hi
	}
}

// TestCursorModel compares cursors with plain sets.
func TestCursorModel(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	charset := regexp.MustCompile(`^[0-9A-Za-z._~-]+$`)
	for range 20_000 {
		c, d, n := randomCursor(r), randomCursor(r), r.Int64N(universe+2)
		cs, ds := set(c), set(d)
		union, clipped := c.Union(d), c.Clip(n)
		sound(t, union)
		sound(t, clipped)
		us, ns := set(union), set(clipped)
		for id := 1; id <= universe; id++ {
			if us[id] != (cs[id] || ds[id]) {
				t.Fatalf("%s with %s is %s", c, d, union)
			}
			if ns[id] != (cs[id] && int64(id) <= n) {
				t.Fatalf("%s up to %d is %s", c, n, clipped)
			}
		}
		text := c.String()
		back, err := ParseCursor(text)
		if err != nil || !back.equal(c) || !charset.MatchString(text) {
			t.Fatalf("%v is %q, read as %v, %v", c, text, back, err)
		}
	}
}

// TestParseID reads ids: a cursor, and the mark of the end that was told.
func TestParseID(t *testing.T) {
	for text, want := range map[string]Mark{
		"0": 0, "7~1": 0, "0_1": 1, "7_1z141z3": 1<<32 - 1, "1042~3-k.2_" + string(MarkOf("completed").Append(nil)[1:]): MarkOf("completed"),
	} {
		head, _, _ := strings.Cut(text, "_")
		if c, m, err := ParseID(text); err != nil || m != want || c.String() != head {
			t.Errorf("%q is %v with %d, %v, want the mark %d", text, c, m, err, want)
		}
	}
	for _, text := range []string{"_1", "7_", "7_0", "7_01", "7_1_1", "7_1z141z4", "7_-1", "7_A", "7_1~1", "7~_1", "7_1 ", "7_1\n"} {
		if c, m, err := ParseID(text); !errors.Is(err, ErrCursor) {
			t.Errorf("%q is %v with %d, %v, want ErrCursor", text, c, m, err)
		}
	}
	if MarkOf("") == 0 || MarkOf("failed") == MarkOf("completed") {
		t.Error("the marks of two ends are the same, or none")
	}
}

// TestCursorShort makes cursors shorter that are too long: they then cover
// less, never more, and no less than needed.
func TestCursorShort(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	defer func(most int) { maxSentCursor = most }(maxSentCursor)
	for range 20_000 {
		c := randomCursor(r)
		maxSentCursor = 2 + r.IntN(12)
		short := c.short()
		sound(t, short)
		if text := short.String(); len(text) > maxSentCursor && len(short.Holes) > 1 {
			t.Fatalf("%s is %q, longer than %d", c, text, maxSentCursor)
		}
		if len(c.String()) <= maxSentCursor && !short.equal(c) {
			t.Fatalf("%s is made %s, and need not", c, short)
		}
		cs, ss := set(c), set(short)
		for id := range cs {
			if ss[id] && !cs[id] {
				t.Fatalf("%s covers less than %s", c, short)
			}
		}
	}
}

// TestCoarse joins the ranges that are nearest to each other.
func TestCoarse(t *testing.T) {
	far := Ranges{{1, 1}, {5, 6}, {8, 8}, {20, 20}, {22, 25}}
	for most, want := range map[int]Ranges{
		5: far, 4: {{1, 1}, {5, 8}, {20, 20}, {22, 25}}, 3: {{1, 1}, {5, 8}, {20, 25}}, 2: {{1, 8}, {20, 25}}, 1: {{1, 25}},
	} {
		if got := far.coarse(most); !slices.Equal(got, want) {
			t.Errorf("in %d ranges: %v, want %v", most, got, want)
		}
	}
}

func TestParseCursor(t *testing.T) {
	for text, want := range map[string]Cursor{
		"0": {}, "7": {N: 7}, "9223372036854775807": {N: math.MaxInt64},
		"1042~3-k.2": {N: 1042, Holes: Ranges{{1017, 1019}, {1039, 1039}}},
		"7~0":        {N: 7, Holes: Ranges{{7, 7}}}, "7~0.6": {N: 7, Holes: Ranges{{1, 7}}},
	} {
		if got, err := ParseCursor(text); err != nil || !got.equal(want) {
			t.Errorf("%q is %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{
		"", "-1", "+1", "01", "1.0", " 1", "1 ", "x", "1e3", "9223372036854775808", "1~", "~1", "1~1", "7~0.7", "7~-1",
		"7~0.0", "0~10.1y2p0ij32e8e0", "7~1-1", "7~1-0", "7~1-2-", "7~A", "7~1..1", "7~1~2", "7~01", "7\n", strings.Repeat("1", 5000),
		"9000~1" + strings.Repeat("-2", 2100),
	} {
		if got, err := ParseCursor(text); !errors.Is(err, ErrCursor) {
			t.Errorf("%.40q is %v, %v, want ErrCursor", text, got, err)
		}
	}
}

// FuzzParseID reads any text. What is an id is written as it was, and its cursor
// says the same of each row's id as its text does; what is made of two says what
// both did.
func FuzzParseID(f *testing.F) {
	const newest = "9223372036854775807"
	for _, texts := range [][2]string{
		{"0", "7"},
		{"1042~3-k.2", "1040~0"},
		{"7~0.6", "7~1"},
		{newest + "~0-2", newest + "~1"},
		{newest, newest + "~1y2p0ij32e8e6"},
		{newest + "~0.1y2p0ij32e8e5", "9"},
		{"x~", "1~1"},
		{"100~2-2-2-2.3-2", "100~3-3.2-9"},
		{"7~\u0661", "7 "},
		{"0_1", "7~1_1z141z3"},
		{"7_1_1", "7_01"},
		{"7_", "7_1z141z4"},
	} {
		f.Add(texts[0], texts[1], int64(3))
	}
	charset := regexp.MustCompile(`^[0-9A-Za-z._~-]+$`)
	f.Fuzz(func(t *testing.T, text, other string, id int64) {
		c, mark, err := ParseID(text)
		if plain, failed := ParseCursor(text); failed == nil && (err != nil || mark != 0 || !plain.equal(c)) {
			t.Fatalf("the cursor %q is as an id %v with %d, %v", text, c, mark, err)
		}
		if err != nil {
			if !errors.Is(err, ErrCursor) || strings.ContainsFunc(err.Error(), unicode.IsControl) || len(err.Error()) > 300 {
				t.Fatal(err)
			}
			return
		}
		sound(t, c)
		if string(mark.Append(c.Append(nil))) != text || len(text) > maxCursorLen+8 || !charset.MatchString(text) {
			t.Fatalf("%q is written %q", text, c)
		}
		sent := string(appendID(nil, c, mark))
		short, again, err := ParseID(strings.TrimSuffix(strings.TrimPrefix(sent, "id: "), "\n"))
		if err != nil || again != mark || len(short.String()) > maxSentCursor {
			t.Fatalf("%q is sent as %q: %v", text, sent, err)
		}
		d, err := ParseCursor(other)
		if err != nil {
			d = Cursor{}
		}
		both, clipped := c.Union(d), c.Clip(max(id, 0))
		sound(t, short)
		sound(t, both)
		sound(t, clipped)
		for _, id := range edges(id, c, d) {
			has := id <= c.N && !slices.ContainsFunc(c.Holes, func(r Range) bool { return r.Lo <= id && id <= r.Hi })
			if c.Covers(id) != has || short.Covers(id) && !has {
				t.Fatalf("%s covers %d: %t, sent as %s: %t", c, id, c.Covers(id), short, short.Covers(id))
			}
			if both.Covers(id) != (has || d.Covers(id)) {
				t.Fatalf("%s with %s is %s, which covers %d: %t", c, d, both, id, both.Covers(id))
			}
		}
		if id > 0 && (clipped.Covers(id) != c.Covers(id) || !clipped.Union(c).equal(c)) {
			t.Fatalf("%s up to %d is %s", c, id, clipped)
		}
	})
}

// edges are the ids, from 1, where what cursors cover begins or ends, and one more.
func edges(id int64, cursors ...Cursor) (ids []int64) {
	for _, c := range cursors {
		ids = append(ids, id, c.N, c.N+1) // which may overflow
		for _, h := range c.Holes {
			ids = append(ids, h.Lo-1, h.Lo, h.Hi, h.Hi+1)
		}
	}
	return slices.DeleteFunc(ids, func(id int64) bool { return id < 1 })
}

// TestAbove says the same by an id above another one, and reads it back.
func TestAbove(t *testing.T) {
	for _, text := range []string{"0", "1", "7", "7~1", "9~2.3", "20~1-4.1"} {
		c, err := ParseCursor(text)
		if err != nil {
			t.Fatal(err)
		}
		above := c.above(12)
		again, err := ParseCursor(above.String())
		if err != nil || above.N < 13 {
			t.Errorf("%s above 12: %s, %v", text, above, err)
		}
		for id := range int64(25) {
			if again.Covers(id) != c.Covers(id) && id > 0 {
				t.Errorf("%s above 12: %s covers %d: %t", text, again, id, again.Covers(id))
			}
		}
		if trimmed := again.Trim(); !trimmed.equal(c) {
			t.Errorf("%s above 12, trimmed: %s", text, trimmed)
		}
	}
}
