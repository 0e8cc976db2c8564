package e2e

import (
	"fmt"
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

// viewSelectionLive selects a text in a log that grows: whatever comes, it is
// selected still.
func viewSelectionLive(t *testing.T, v *viewer) {
	const job = "selection live"
	v.addJob(t, job)
	v.log(t, job, 60, "line %d")
	v.show(t, job)
	v.awaitLine(t, 60, "line 59")
	v.drag(t, caret(51, 1), caret(53, 6))
	const want = "ine 50\nline 51\nline 5"
	v.copies(t, "at first", want)
	count := 60
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
}
