package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// hear notes what a screen reader is told from now on.
func (v *viewer) hear(t *testing.T) {
	t.Helper()
	v.await(t, `(() => {
		const { role, ariaLive } = $('.spoken')
		window.heard = []
		new MutationObserver(() => heard.push($('.spoken').textContent)).observe($('.spoken'), { childList: true, subtree: true, characterData: true })
		return role === 'log' && ariaLive === 'polite'
	})()`)
}

// awaitHeard waits until just this was said.
func (v *viewer) awaitHeard(t *testing.T, want ...string) {
	t.Helper()
	v.await(t, `(() => {
		if (heard.join('|') !== %q) throw new Error('it said ' + heard.join('|'))
		return true
	})()`, strings.Join(want, "|"))
}

// viewSpoken has a log that grows fast, loses its server and ends: a screen
// reader is told of all that, and not of each line.
func viewSpoken(t *testing.T, v *viewer) {
	const job = "spoken"
	v.addJob(t, job)
	v.log(t, job, 100, "old %d")
	v.show(t, job, look{Clock: v.engine == "chromium"})
	v.awaitLine(t, 100, "old 99")
	v.awaitState(t, "running", "live")
	v.hear(t)
	for i := range 3 {
		v.log(t, job, 50, fmt.Sprintf("burst %d: %%d", i))
		v.awaitLine(t, 150+50*i, fmt.Sprintf("burst %d: 49", i))
	}
	v.awaitHeard(t)
	said := []string{"150 new lines. The last: burst 2: 49"}
	if v.engine == "chromium" { // whose clock can be put forward
		v.call(t, "forward", 8000)
		v.awaitHeard(t, said...)
		v.exec(t, insertEvent, job, "\x1b[31mred", "info", eventTime)
		v.awaitCount(t, 251)
		v.call(t, "forward", 8000)
		said = append(said, "1 new line. The last: red")
	}
	v.awaitHeard(t, said...)

	v.s.crash(t)
	said = append(said, "The connection: reconnecting")
	v.awaitHeard(t, said...)
	v.s.launch(t)
	said = append(said, "The connection: live")
	v.awaitHeard(t, said...)
	v.setState(t, job, "failed")
	v.awaitHeard(t, append(said, "The job has ended: failed")...)
}

// viewRows counts rows as screen readers do, who know where in the log they are
// though few rows are elements.
func viewRows(t *testing.T, v *viewer) {
	const job, lines = "rows", 5000
	v.addJob(t, job)
	v.addLines(t, job, lines)
	v.show(t, job)
	v.awaitCount(t, lines)
	for _, place := range []struct {
		top  string
		line int
	}{{"port.scrollHeight", lines}, {"0", 1}, {"50000", 2510}, {"50400", 2525}, {"49900", 2500}} {
		v.await(t, `(async () => {
			const port = $('.port')
			port.scrollTop = %s
			await frame()
			const rows = port.querySelectorAll('[role=row]'), at = [...rows].map((r) => Number(r.ariaRowIndex))
			const right = [...rows].every((r, i) => r.querySelector('[role=rowheader] a').ariaLabel === 'Line ' + at[i] &&
				r.querySelector('.m').textContent.endsWith(' ' + at[i]) && (i === 0 || at[i] === at[i - 1] + 1))
			if (port.role !== 'table' || port.ariaRowCount !== '%d' || !right || !at.includes(%d)) throw new Error([port.ariaRowCount, at].join())
			return at.length < 200
		})()`, place.top, lines, place.line)
	}
	v.log(t, job, 10, "more %d")
	v.awaitCount(t, lines+10)
}

// viewFocus goes through the page by Tab: each stop is to be seen.
func viewFocus(t *testing.T, v *viewer) {
	const job = "focus"
	v.addJob(t, job)
	v.log(t, job, 30, "line %d https://example.com/")
	v.show(t, job)
	v.awaitCount(t, 30)
	var stops []string
	for len(stops) < 30 && !slices.Contains(stops, "Lines of the log") {
		v.press(t, "Tab")
		var stop struct {
			Name string
			Seen bool
		}
		v.eval(t, &stop, `frame().then(() => {
			const e = root.activeElement
			if (!e) return { name: document.activeElement.localName, seen: true }
			const looks = (s, part) => getComputedStyle($(s), part), own = getComputedStyle(e)
			const outline = own.outlineStyle !== 'none' && parseFloat(own.outlineWidth) >= 2
			const around = e.matches('.port') ? looks('.stage', '::after').borderTopWidth === '2px' : e.matches('input') && looks('.search').boxShadow !== 'none'
			return { name: e.ariaLabel ?? e.textContent, seen: e.matches(':focus-visible') && (outline || around) }
		})`)
		if !stop.Seen {
			t.Errorf("%s: the focus on %q is not to be seen", v.engine, stop.Name)
		}
		stops = append(stops, stop.Name)
	}
	want := "Search all lines, Aa (Match case), .* (Regular expression), Previous match, Next match, Least severity, Wrap long lines, Times: off, Follow new lines, Download, Keys, Lines of the log"
	if got := strings.Join(stops, ", "); !strings.HasSuffix(got, want) {
		t.Errorf("%s: the focus goes to %s, want %s", v.engine, got, want)
	}
	v.await(t, `frame().then(() => getComputedStyle($('.stage'), '::after').borderTopWidth === '2px')`)
	v.click(t, `$$('.row').at(-1).querySelector('.m')`) // by the mouse it is not
	v.press(t, "k")
	v.await(t, `$('.current').role === 'row' && $('.current').ariaCurrent === 'true' && $('.spoken').textContent.startsWith('Line ' + $('.current .n a').dataset.n + ': line ')`)
	v.press(t, "Tab", "Tab") // to its number, and to the link in it
	v.await(t, `root.activeElement?.matches('.current a.link') || (() => { throw new Error('the focus is on ' + root.activeElement?.outerHTML) })()`)
}
