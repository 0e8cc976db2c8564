package e2e

import (
	"fmt"
	"slices"
	"testing"
)

// viewTouch reads a log with a finger, on a phone.
func viewTouch(t *testing.T, v *viewer) {
	const job = "touch"
	v.addJob(t, job)
	v.log(t, job, 200, "line %d")
	v.enter(t, job, entry{0, "info", "::group::Folded"}, entry{0, "info", "in it"}, entry{0, "info", "::endgroup::"})
	v.show(t, job, look{Width: 360, Height: 740, Touch: true})
	v.awaitLine(t, 201, "Folded1 line, 0 ms")
	v.await(t, `matchMedia('(pointer: coarse)').matches && !matchMedia('(hover: hover)').matches`)
	v.tap(t, rowOf(201)+`.querySelector('.fold')`)
	v.awaitLine(t, 202, "in it")
	v.tap(t, `$('[aria-label^="Follow"]')`)
	v.awaitFollowing(t, true)

	v.call(t, "swipe", 300)
	v.await(t, `(async () => {
		const port = $('.port') // which goes on for a while after the finger is gone
		for (let still = 0, top = -1; still < 10; still++) {
			await frame()
			if (port.scrollTop !== top) still = 0, top = port.scrollTop
		}
		return true
	})()`)
	v.awaitFollowing(t, false)
	v.await(t, `$('.port').scrollTop < $('.port').scrollHeight - $('.port').clientHeight - 200 && !$('.pill').hidden`)
	before := v.numbers(t)
	v.log(t, job, 3, "news %d")
	v.awaitText(t, ".pill", "↓ 3 new lines")
	if at := v.numbers(t); !slices.Equal(at, before) {
		t.Errorf("the reader saw %v, and sees %v after lines came", before, at)
	}
	v.tap(t, rowOf(before[3])+`.querySelector('.n a')`)
	v.awaitChosen(t, before[3], before[3])
	v.await(t, `location.hash === '#L%d'`, before[3])
	v.hasRoom(t)
	v.tap(t, `$('.pill')`)
	v.awaitLast(t, 206)
	v.awaitFollowing(t, true)
	v.tap(t, `$('[aria-label^="Keys"]')`)
	v.await(t, `$('dialog').open`)
	v.hasRoom(t)
}

// viewTapped taps on lines: that shows what can be done with them, as the mouse
// does elsewhere, until something else is tapped. What it shows has room.
func viewTapped(t *testing.T, v *viewer) {
	const job = "tapped"
	v.addJob(t, job)
	v.log(t, job, 10, "line %d")
	v.show(t, job, look{Width: 360, Height: 740, Touch: true})
	v.awaitLine(t, 10, "line 9")
	for _, line := range []int{3, 5} {
		v.tap(t, fmt.Sprintf(`$('#line-%d .m')`, line))
		v.await(t, `frame().then(() => $('.actions').parentNode.id === 'line-%d')`, line)
	}
	v.tap(t, `$('.actions button:last-child')`)
	v.await(t, `!$('.toast').hidden && $('.actions')`)
	v.tap(t, `$('.badge')`)
	v.await(t, `!$('.actions')`)
	v.tap(t, `$('#line-4 .m')`)
	v.await(t, `$('.actions')`)
	v.hasRoom(t)
}

// hasRoom checks that fingers hit what they mean: what can be tapped is 24 px
// wide and high at least, but for links in a text.
func (v *viewer) hasRoom(t *testing.T) {
	t.Helper()
	var small []string
	v.eval(t, &small, `frame().then(() => $$('dialog[open] button, :not(dialog) > button, .bar *, .row *')
		.filter((e) => e.matches('button, a:not(.link), input, select, summary') && e.checkVisibility())
		.map((e) => [e.getBoundingClientRect(), e.className + ' ' + (e.ariaLabel ?? e.textContent)])
		.filter(([{ width, height }]) => Math.min(width, height) < 24)
		.map(([{ width, height }, name]) => name + ' has ' + width + ' by ' + height))`)
	if len(small) > 0 {
		t.Errorf("%q, want 24 by 24 at least", small)
	}
}

// viewStill asks for no motion: nothing moves. Where motion is welcome, the mark
// of a running job moves, and yet nothing scrolls slowly.
func viewStill(t *testing.T, v *viewer) {
	const job = "still"
	v.addJob(t, job)
	v.log(t, job, 300, "line %d")
	for _, still := range []bool{false, true} {
		v.show(t, job, look{Still: still})
		v.awaitLine(t, 300, "line 299")
		v.awaitState(t, "running", "live")
		var got struct {
			Animations    int
			Moving, Slow  []string
			Top, End, Far bool
		}
		v.eval(t, &got, `(async () => {
			await frame()
			const all = [document.documentElement, ...document.body.querySelectorAll('*'), ...root.querySelectorAll('*')]
			const looks = all.flatMap((e) => [undefined, '::before', '::after'].map((part) => [e.className, getComputedStyle(e, part)]))
			const port = $('.port'), atEnd = () => port.scrollTop >= port.scrollHeight - port.clientHeight - 1
			const press = (key) => document.body.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }))
			press('g')
			const top = port.scrollTop === 0
			await frame()
			$('.pill').click()
			await frame()
			const end = atEnd()
			const heard = new Promise((done) => addEventListener('hashchange', done, { once: true }))
			location.hash = '#L150'
			await heard
			await frame()
			return {
				animations: document.getAnimations().length + root.getAnimations().length,
				moving: looks.filter(([, s]) => s.animationName !== 'none' || s.transitionDuration.split(', ').some((d) => d !== '0s')).map(([name]) => name),
				slow: looks.filter(([, s]) => s.scrollBehavior !== 'auto').map(([name]) => name),
				top, end, far: Math.abs(port.scrollTop - 149 * 20 + port.clientHeight / 3) < 2,
			}
		})()`)
		if still && (got.Animations > 0 || len(got.Moving) > 0) || !still && (got.Animations == 0 || !slices.Equal(got.Moving, []string{"badge"})) {
			t.Errorf("still: %t; %d animations run, and %q move", still, got.Animations, got.Moving)
		}
		if len(got.Slow) > 0 || !got.Top || !got.End || !got.Far {
			t.Errorf("still: %t; %q scroll slowly; at the top: %t, at the end: %t, at line 150: %t", still, got.Slow, got.Top, got.End, got.Far)
		}
	}
}
