package e2e

import (
	"strings"
	"testing"
	"time"
)

// viewNarrow loses the server on a phone, and has a state with a long name: all
// that is said is to be seen, and the lines stay where they are.
func viewNarrow(t *testing.T, v *viewer) {
	const job = "narrow-frontend-build-1234"
	v.addJob(t, job)
	v.exec(t, insertEvent, job, "twelve minutes ago", "info", time.Now().Add(-754*time.Second).UnixMilli())
	v.log(t, job, 100, "line %d")
	v.show(t, job, look{Width: 360, Height: 640})
	v.awaitState(t, "running", "live")
	v.awaitLast(t, 101)
	v.await(t, `document.querySelector('h1').scrollWidth <= document.querySelector('h1').clientWidth`)
	v.fits(t, ".badge", ".elapsed", ".connection")
	const height = `$('.port').clientHeight`
	var before, after int
	v.eval(t, &before, height)
	v.s.crash(t)
	v.await(t, `$('.connection').dataset.kind === 'reconnecting'`)
	v.fits(t, ".badge", ".connection", ".again")
	if v.eval(t, &after, height); after != before {
		t.Errorf("%s: the lines have %d px, and %d while the page reconnects", v.engine, before, after)
	}
	v.awaitFollowing(t, true)
	v.awaitLast(t, 101)
	v.setState(t, job, "waiting_for_manual_approval_of_somebody")
	v.s.launch(t)
	v.awaitState(t, "waiting_for_manual_approval_of_somebody", "live")
	v.fits(t, ".connection")
	v.s.crash(t)
	v.await(t, `$('.connection').dataset.kind === 'reconnecting'`)
	for _, width := range []int{320, 480, 481, 720, 721, 360} {
		v.call(t, "resize", width, 640)
		v.await(t, `innerWidth === %d`, width)
		v.fits(t, ".connection", ".again")
	}
	v.s.launch(t)
	v.awaitState(t, "waiting_for_manual_approval_of_somebody", "live")
	v.awaitFollowing(t, true)
	v.awaitLast(t, 101)
}

// fits waits until nothing is wider than the window, and elements are to be seen
// with all of their text.
func (v *viewer) fits(t *testing.T, selectors ...string) {
	t.Helper()
	v.await(t, `frame().then(() => {
		const wide = [document.documentElement, $('.app'), $('.bar')].filter((e) => e.scrollWidth > innerWidth)
		const cut = $$(%q).filter((e) => {
			const { left, right, width } = e.getBoundingClientRect(), { right: end } = $('.status').getBoundingClientRect()
			return left < 0 || right > Math.min(innerWidth, end) || width < 20 || e.scrollWidth > e.clientWidth && getComputedStyle(e).display !== 'inline'
		})
		if (wide.length || cut.length) throw new Error(innerWidth + ' px are too few for ' + [...wide, ...cut].map((e) => e.className))
		return true
	})`, strings.Join(selectors, ", "))
}

// viewHelp opens the list of keys in small windows: it begins with its
// beginning, and can be left by keys.
func viewHelp(t *testing.T, v *viewer) {
	const job = "help"
	v.addJob(t, job)
	v.log(t, job, 3, "line %d")
	for _, size := range []look{{Width: 360, Height: 640}, {Width: 640, Height: 360}} {
		v.show(t, job, size)
		v.awaitCount(t, 3)
		v.press(t, "?")
		v.await(t, `frame().then(() => $('dialog').open && $('dialog').scrollHeight > $('dialog').clientHeight && $('dialog').scrollTop === 0)`)
		v.await(t, `(() => {
			const heights = new Set($$('kbd').map((k) => k.offsetHeight))
			if (heights.size > 1) throw new Error('keys are ' + [...heights] + ' px high')
			return true
		})()`)
		v.await(t, `root.activeElement.textContent === 'Keys' && getComputedStyle(root.activeElement).outlineStyle === 'none'`)
		v.isAccessible(t)
		v.press(t, "Tab")
		v.await(t, `frame().then(() => {
			const close = root.activeElement, { top, bottom } = close.getBoundingClientRect()
			return close.textContent === 'Close' && close.matches(':focus-visible') && top > 0 && bottom < innerHeight
		})`)
		v.press(t, "Enter")
		v.await(t, `!$('dialog').open`)
		v.press(t, "?")
		v.await(t, `frame().then(() => $('dialog').open && $('dialog').scrollTop === 0)`)
		v.press(t, "Escape")
		v.await(t, `!$('dialog').open`)
	}
}

// viewForced has the reader's own few colours: what is on looks unlike what is
// off, and a job has its mark.
func viewForced(t *testing.T, v *viewer) {
	const job = "forced"
	v.addJob(t, job)
	v.log(t, job, 3, "line %d")
	v.show(t, job, look{Forced: true})
	v.awaitState(t, "running", "live")
	v.await(t, `matchMedia('(forced-colors: active)').matches`)
	v.press(t, "t")
	v.await(t, `frame().then(() => {
		const behind = (e, part) => getComputedStyle(e, part).backgroundColor
		const [on, off] = ['Times', 'Wrap'].map((name) => $('[aria-label^="' + name + '"]'))
		if (on.ariaPressed !== 'true' || off.ariaPressed !== 'false') throw new Error('nothing is pressed')
		if (behind(on) === behind(off)) throw new Error('both are ' + behind(on))
		if (getComputedStyle(on).color === behind(on)) throw new Error('the icon is ' + behind(on))
		if (behind($('.badge'), '::before') === behind($('.bar'))) throw new Error('the mark is ' + behind($('.bar')))
		return true
	})`)
	v.click(t, `$('[aria-label*="Match case"]')`)
	v.await(t, `frame().then(() => {
		const [cased, regex] = $$('.toggle').map((e) => getComputedStyle(e))
		return cased.backgroundColor !== regex.backgroundColor && cased.color !== cased.backgroundColor
	})`)
}
