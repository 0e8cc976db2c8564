package joblog

import (
	"sort"
	"strconv"
)

// idText appends the ids of the rows of a leg. A client chooses how many holes its
// cursor has, and nearly all of them are in each id: their text is made once a page.
type idText struct {
	leg
	text []byte // of the holes of from, as Cursor.Append writes them
	ends []int  // of each of them in text, the newest first
}

// fewHoles are written each time.
const fewHoles = 16

func newIDText(l leg) idText {
	t := idText{leg: l}
	if len(l.from.Holes) > fewHoles {
		t.ends = make([]int, 0, len(l.from.Holes))
		t.text = l.from.appendHoles(nil, '~', func(length int) { t.ends = append(t.ends, length) })
	}
	return t
}

// append appends the id of a row, as appendID does that of the cursor after it.
func (t *idText) append(b []byte, id int64) []byte {
	full, rest := t.parts(id)
	if len(full) == 0 {
		return appendID(b, t.after(id), 0)
	}
	start := len(b)
	b = append(b, "id: "...)
	b = strconv.AppendInt(b, t.from.N, 10)
	b = append(b, t.text[:t.ends[len(full)-1]]...)
	b = Cursor{N: full[0].Lo, Holes: rest}.appendHoles(b, '-', nil)
	if len(b)-start > maxSentCursor {
		return appendID(b[:start], t.after(id), 0)
	}
	return append(b, '\n')
}

// parts are the holes after a row: those of from that are in the text, and the ones
// below. There are none of the first if the text is of no use.
func (t *idText) parts(id int64) (full, rest Ranges) {
	if len(t.ends) == 0 || id >= t.from.N {
		return nil, nil
	}
	holes := t.from.Holes
	i := sort.Search(len(holes), func(i int) bool { return holes[i].Lo > id })
	full, rest = holes[i:], t.to.Holes.upTo(id)
	if i > 0 && holes[i-1].Hi > id {
		rest = rest.join(Range{Lo: id + 1, Hi: holes[i-1].Hi})
	}
	if last := len(rest) - 1; last >= 0 && len(full) > 0 && rest[last].Hi+1 == full[0].Lo {
		rest, full = rest.join(full[0]), full[1:]
	}
	return full, rest
}

// join is the set with a range above it, which may touch its last one. The result is new.
func (r Ranges) join(g Range) Ranges {
	out := append(make(Ranges, 0, len(r)+1), r...)
	if last := len(out) - 1; last >= 0 && out[last].Hi+1 == g.Lo {
		out[last].Hi = g.Hi
		return out
	}
	return append(out, g)
}
