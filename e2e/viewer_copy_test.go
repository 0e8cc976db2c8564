package e2e

import "testing"

// viewCopy copies lines and links to them, by keys and by the buttons beside a
// line, and reads back what other programs would paste.
func viewCopy(t *testing.T, v *viewer) {
	const job = "copy"
	v.addJob(t, job)
	v.log(t, job, 9, "line %d")
	v.exec(t, insertEvent, job, "\x1b[31mred\x1b[0m <b>and</b>\t“more”", "info", eventTime)
	v.show(t, job)
	v.awaitCount(t, 10)
	v.press(t, "g", "j", "j", "c")
	v.awaitCopied(t, "the line is copied", "line 1")
	v.press(t, "y")
	v.awaitCopied(t, "the link is copied", v.page(job)+"#L2")

	v.act(t, 10, "Copy the line")
	v.awaitCopied(t, "the line is copied", "red <b>and</b>\t“more”")
	v.act(t, 10, "Copy a link to the line")
	v.awaitCopied(t, "the link is copied", v.page(job)+"#L10")
	v.await(t, `location.hash === ''`)

	v.browser.open(t, v.page(job)+"#L3-5") // of which all are what a link to one is to
	v.awaitChosen(t, 3, 5)
	v.act(t, 4, "Copy a link to the line")
	v.awaitCopied(t, "the link is copied", v.page(job)+"#L3-5")
	v.press(t, "c")
	v.awaitCopied(t, "3 lines are copied", "line 2\nline 3\nline 4")
	v.act(t, 5, "Copy the line")
	v.awaitCopied(t, "3 lines are copied", "line 2\nline 3\nline 4")
	v.press(t, "k", "c")
	v.awaitCopied(t, "the line is copied", "line 1")
	v.act(t, 6, "Copy a link to the line")
	v.awaitCopied(t, "the link is copied", v.page(job)+"#L6")
	v.browser.open(t, v.clipboard(t))
	v.awaitChosen(t, 6, 6)

	// Where the clipboard is not to be had, on a page without TLS.
	v.eval(t, new(bool), `(() => {
		navigator.clipboard.writeText = () => Promise.reject(new Error('no permission'))
		$('.port').focus()
		return true
	})()`)
	v.press(t, "g", "j", "c")
	v.awaitCopied(t, "the line is copied", "line 0")
	v.await(t, `root.activeElement === $('.port')`) // as before
}

// act does something with a line, by the buttons that come when the mouse is there.
func (v *viewer) act(t *testing.T, number int, label string) {
	t.Helper()
	v.hover(t, rowOf(number)+`.querySelector('.m')`)
	v.await(t, `$('.actions') && $('.port').scrollWidth === $('.port').clientWidth`)
	v.click(t, rowOf(number)+`.querySelector('[aria-label="`+label+`"]')`)
}

// awaitCopied waits until the page says that it has copied, and checks what.
func (v *viewer) awaitCopied(t *testing.T, said, text string) {
	t.Helper()
	v.awaitText(t, ".toast", said)
	if got := v.clipboard(t); got != text {
		t.Errorf("%s: %q is copied, want %q", v.engine, got, text)
	}
}
