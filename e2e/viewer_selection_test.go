package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// caret is where a character of a line is.
func caret(number, at int) string { return fmt.Sprintf("caret(%s, %d)", rowOf(number), at) }

// drag selects from one place to another.
func (v *viewer) drag(t *testing.T, from, to string) {
	t.Helper()
	v.call(t, "down", from)
	v.call(t, "move", to)
	v.call(t, "up")
}

// copies checks what the browser's own key copies.
func (v *viewer) copies(t *testing.T, when, want string) {
	t.Helper()
	v.do(t, `navigator.clipboard.writeText('nothing')`)
	v.press(t, "Control+c")
	if got := v.clipboard(t); got != want {
		t.Errorf("%s: %s: %.500q is copied, want %.500q", v.engine, when, got, want)
	}
}

// viewSelection selects more than is on the screen at any time: all of it is
// copied, and it is selected still when it comes back.
func viewSelection(t *testing.T, v *viewer) {
	const job = "selection"
	v.addJob(t, job)
	v.log(t, job, 400, "\x1b[31mline\x1b[0m %d")
	v.enter(t, job, entry{0, "info", "::group::Folded"}, entry{0, "error", "in it"}, entry{0, "info", "::endgroup::"}, entry{0, "info", "the last"})
	v.show(t, job)
	v.awaitCount(t, 404)
	v.awaitState(t, "running", "live")
	v.press(t, "g")
	v.awaitTop(t, 1)
	v.search(t, "line 7")
	v.awaitFound(t, "1 of 11", 8, "line")
	v.press(t, "Escape")
	v.call(t, "down", caret(6, 1))
	v.call(t, "move", caret(8, 3))
	v.call(t, "wheel", 6000)
	v.await(t, `frame().then(() => %s)`, rowOf(310))
	v.call(t, "move", caret(310, 3))
	v.call(t, "up")
	var want []string
	for i := 5; i < 310; i++ {
		want = append(want, fmt.Sprintf("line %d", i))
	}
	want[0], want[len(want)-1] = "ine 5", "lin"
	all := strings.Join(want, "\n")
	v.copies(t, "far down", all)
	v.press(t, "g")
	v.awaitTop(t, 1)
	v.copies(t, "at the beginning", all)
	v.press(t, "n") // which draws rows anew
	v.awaitFound(t, "2 of 11", 71, "line")
	v.copies(t, "in a search", all)
	v.press(t, "Escape", "G")
	v.awaitLast(t, 404)
	v.copies(t, "at the end", all)

	v.press(t, "Control+a", "O") // and what is folded is not shown
	want = want[:0]
	for i := range 400 {
		want = append(want, fmt.Sprintf("line %d", i))
	}
	v.await(t, `!%s`, rowOf(402))
	v.copies(t, "all", strings.Join(append(want, "Folded", "the last"), "\n"))
	v.press(t, "4")
	v.awaitRows(t, []int{402})
	v.copies(t, "all errors", "in it")
	v.press(t, "/", "x", "Control+a")
	v.copies(t, "in the field", "x")
	// A field that is entered has the keys, though the lines are drawn before that is told.
	v.drag(t, caret(402, 0), caret(402, 3))
	v.do(t, `(() => {
		$('.search input').select()
		$('.port').dispatchEvent(new KeyboardEvent('keydown', { key: 'w', bubbles: true, composed: true }))
	})()`)
	v.call(t, "type", "in it")
	v.await(t, `$('.search input').value === 'in it'`)
}

// viewSelectionLive selects a text in a log that grows: whatever comes, it is
// selected still.
func viewSelectionLive(t *testing.T, v *viewer) {
	const job = "selection live"
	v.addJob(t, job)
	v.log(t, job, 34, "line %d") // and the screen is almost full
	v.show(t, job)
	v.awaitLine(t, 34, "line 33")
	v.awaitState(t, "running", "live")
	v.drag(t, caret(21, 1), caret(23, 6))
	const want = "ine 20\nline 21\nline 2"
	v.copies(t, "at first", want)
	count := 34
	for _, e := range []entry{
		{0, "info", "a line"},
		{0, "error", "an error"},
		{0, "info", "::group::It begins"},
		{0, "error", "it fails"},
		{0, "info", "::endgroup::"},
		{0, "info", "::group::Another"},
		{0, "info", "it does not fail"},
		{0, "info", "::endgroup::"},
	} {
		v.enter(t, job, e)
		count++
		v.awaitCount(t, count)
		v.await(t, `frame().then(() => true)`)
		v.copies(t, "after "+e.text, want)
	}
	v.await(t, `$('.port').scrollTop > 0`)
}
