package joblog

import (
	"fmt"
	"hash/fnv"
	"strconv"
	"strings"
)

// Mark is a digest of the terminal state that a viewer was told; 0 if it was told
// none. It follows the cursor in the id of the terminal event, and nowhere else:
// who shows it has had that event, whatever rows its cursor covers.
type Mark uint32

// MarkOf is the mark of a terminal state, the same on any node.
func MarkOf(state string) Mark {
	h := fnv.New32a()
	_, _ = h.Write([]byte(state)) // it never fails
	return Mark(max(h.Sum32(), 1))
}

// markSign parts the mark from the cursor, which has no such character.
const markSign = '_'

// Append appends the mark as it follows a cursor; nothing if it is none.
func (m Mark) Append(b []byte) []byte {
	if m == 0 {
		return b
	}
	return strconv.AppendUint(append(b, markSign), uint64(m), 36)
}

// ParseID reads what travels as the SSE id: a cursor, and the mark that may
// follow it. Its errors wrap ErrCursor and say what is wrong.
func ParseID(s string) (Cursor, Mark, error) {
	head, tail, marked := strings.Cut(s, string(markSign))
	c, err := ParseCursor(head)
	if err != nil || !marked {
		return c, 0, err
	}
	m, err := strconv.ParseUint(tail, 36, 32)
	if err != nil || m == 0 || strconv.FormatUint(m, 36) != tail {
		return Cursor{}, 0, fmt.Errorf("%w: %.20q does not say which end was told", ErrCursor, tail)
	}
	return c, Mark(m), nil
}
