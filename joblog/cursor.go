package joblog

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// ErrCursor is wrapped by the errors of ParseCursor.
var ErrCursor = errors.New("malformed cursor")

const (
	maxCursorLen   = 4096 // bytes of a cursor that ParseCursor accepts
	maxCursorHoles = maxCursorLen / 2
)

// maxSentCursor is the longest cursor sent, in bytes; one with a single hole
// always fits. It is a variable for tests.
var maxSentCursor = 4000

// Cursor says which rows of one job a viewer has: every row with an id of at
// most N, except those whose id is in Holes. It is a statement about ids and
// nothing else, so it means the same on any node and after any restart.
// The zero Cursor covers nothing.
type Cursor struct {
	N     int64
	Holes Ranges // all at most N
}

// Covers reports whether the row with this id is one the viewer has.
func (c Cursor) Covers(id int64) bool {
	return id <= c.N && !c.Holes.Contain(id)
}

// Union is the cursor of a viewer who has what c covers and what d covers.
func (c Cursor) Union(d Cursor) Cursor {
	if c.N < d.N {
		c, d = d, c
	}
	if len(c.Holes) == 0 {
		return c
	}
	// Above d.N only c's holes count; below it a hole must be in both.
	both := Cursor{N: d.N, Holes: c.Holes.intersect(d.Holes)}
	return both.splice(d.N, c)
}

// equal reports whether c and d cover the same.
func (c Cursor) equal(d Cursor) bool {
	return c.N == d.N && slices.Equal(c.Holes, d.Holes)
}

// Clip is c as it was when n was the highest id: what lies above is cut off.
// Its holes are the first of c's.
func (c Cursor) Clip(n int64) Cursor {
	if n >= c.N {
		return c
	}
	i := c.Holes.past(n)
	if i < len(c.Holes) {
		n = min(n, c.Holes[i].Lo-1) // a hole at the top is as good as none
	}
	return Cursor{N: n, Holes: c.Holes[:i:i]}
}

// above is c with an N above n: what it does not cover of that is a hole.
func (c Cursor) above(n int64) Cursor {
	if c.N > n {
		return c
	}
	return Cursor{N: n + 1, Holes: append(slices.Clone(c.Holes), Range{Lo: c.N + 1, Hi: n + 1})}
}

// Trim is c without the hole that may be at its top.
func (c Cursor) Trim() Cursor {
	if c.N > 0 && !c.Covers(c.N) {
		return c.Clip(c.N - 1)
	}
	return c
}

// splice is c up to id, which is not above c's N, and d above it.
func (c Cursor) splice(id int64, d Cursor) Cursor {
	low, high := c.Holes.upTo(id), d.Holes.above(id)
	holes := append(make(Ranges, 0, len(low)+len(high)), low...)
	if last := len(low) - 1; last >= 0 && len(high) > 0 && low[last].Hi+1 == high[0].Lo {
		holes[last].Hi = high[0].Hi
		high = high[1:]
	}
	return Cursor{N: d.N, Holes: append(holes, high...)}
}

// short is c, or covers less of what is covered between the nearest of its
// holes, so that it is not too long to be sent. Who resumes with it gets a few
// rows again, and lacks none.
func (c Cursor) short() Cursor {
	const longest = 28 // bytes of a hole
	if len(c.Holes) < (maxSentCursor-longest)/longest {
		return c
	}
	for b := c.Append(nil); len(b) > maxSentCursor && len(c.Holes) > 1; b = c.Append(b[:0]) {
		most := min(len(c.Holes)*maxSentCursor/len(b), len(c.Holes)-1)
		c.Holes = c.Holes.coarse(max(most, 1))
	}
	return c
}

// String writes the cursor as it travels in the SSE id: N, or N~holes, with
// the newest hole first, each as its distance from the previous one and its
// length less one, in base 36. ParseCursor reads it back.
func (c Cursor) String() string { return string(c.Append(nil)) }

// Append appends what String returns to b.
func (c Cursor) Append(b []byte) []byte {
	return c.appendHoles(strconv.AppendInt(b, c.N, 10), '~', nil)
}

// appendHoles appends the holes, the newest one after sep. ended is called after each,
// unless it is nil.
func (c Cursor) appendHoles(b []byte, sep byte, ended func(length int)) []byte {
	prev := c.N
	for _, h := range slices.Backward(c.Holes) {
		b = append(b, sep)
		b = strconv.AppendInt(b, prev-h.Hi, 36)
		if h.Hi > h.Lo {
			b = append(b, '.')
			b = strconv.AppendInt(b, h.Hi-h.Lo, 36)
		}
		if prev, sep = h.Lo, '-'; ended != nil {
			ended(len(b))
		}
	}
	return b
}

// ParseCursor reads what String wrote. Its errors wrap ErrCursor and say
// what is wrong.
func ParseCursor(s string) (Cursor, error) {
	if len(s) > maxCursorLen {
		return Cursor{}, fmt.Errorf("%w: %d bytes long, at most %d are allowed", ErrCursor, len(s), maxCursorLen)
	}
	head, tail, holed := strings.Cut(s, "~")
	n, err := parseNumber(head, 10)
	if err != nil {
		return Cursor{}, err
	}
	c := Cursor{N: n}
	if !holed {
		return c, nil
	}
	parts := strings.Split(tail, "-")
	if len(parts) > maxCursorHoles {
		return Cursor{}, fmt.Errorf("%w: more than %d holes", ErrCursor, maxCursorHoles)
	}
	c.Holes = make(Ranges, len(parts))
	prev := n + 1 // the first hole may touch N; later ones do not touch each other
	if n == math.MaxInt64 {
		prev = n
	}
	for i, part := range parts {
		h, err := parseHole(part, n, prev, i == 0)
		if err != nil {
			return Cursor{}, err
		}
		c.Holes[len(parts)-1-i] = h
		prev = h.Lo
	}
	return c, nil
}

// parseHole reads one hole, which lies below prev.
func parseHole(s string, n, prev int64, first bool) (Range, error) {
	dist, length, long := strings.Cut(s, ".")
	d, err := parseNumber(dist, 36)
	if err != nil {
		return Range{}, err
	}
	from := prev
	if first {
		from = n
	} else if d < 2 {
		return Range{}, fmt.Errorf("%w: holes touch each other", ErrCursor)
	}
	h := Range{Hi: from - d}
	h.Lo = h.Hi
	if long && h.Hi > 0 { // else it is below 1 already, and subtraction might overflow
		l, err := parseNumber(length, 36)
		if err != nil {
			return Range{}, err
		}
		if l == 0 {
			return Range{}, fmt.Errorf("%w: a hole's length is 0", ErrCursor)
		}
		h.Lo = h.Hi - l
	}
	if h.Lo < 1 {
		return Range{}, fmt.Errorf("%w: a hole reaches below 1", ErrCursor)
	}
	return h, nil
}

// parseNumber reads a number of the one form that Append writes: no sign, no
// leading zeros, lower case.
func parseNumber(s string, base int) (int64, error) {
	n, err := strconv.ParseInt(s, base, 64)
	if err != nil || strconv.FormatInt(n, base) != s || n < 0 {
		return 0, fmt.Errorf("%w: %.20q is not a number of base %d", ErrCursor, s, base)
	}
	return n, nil
}
