package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// addLines writes many rows, in one statement, so that it does not take long.
// Each thousandth is a needle.
func (v *viewer) addLines(t *testing.T, job string, n int) {
	t.Helper()
	v.exec(t, `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)
		INSERT INTO vibe_events (task_id, event_message, severity, event_time)
		SELECT $1, CASE WHEN i % 1000 = 500 THEN 'a Needle ' || i ELSE 'some hay ' || i END, 'info', 1234567890 FROM n`, job, n)
}

// search looks for a text, by keys.
func (v *viewer) search(t *testing.T, text string) {
	t.Helper()
	v.press(t, "Escape", "/") // out of the field and into it again: what was looked for is selected
	v.call(t, "type", text)
}

// awaitFound waits until the search says which match of how many it shows, and
// the match is in view and marked.
func (v *viewer) awaitFound(t *testing.T, hits string, number int, marked string) {
	t.Helper()
	v.awaitText(t, ".hits", hits)
	v.await(t, `frame().then(() => $('.row.found').querySelector('.n a').dataset.n === '%d' && $('.row.found mark').textContent === %q)`, number, marked)
	if at := v.numbers(t); !slices.Contains(at, number) {
		t.Errorf("%s: the reader sees %v, want line %d", v.engine, at, number)
	}
}

// viewSearch searches all lines of a long log, of which few are elements.
func viewSearch(t *testing.T, v *viewer) {
	const job, lines = "search", 100_000
	v.addJob(t, job)
	v.addLines(t, job, lines)
	v.show(t, job)
	v.awaitLine(t, lines, "some hay 100000")
	v.press(t, "g")
	v.awaitLine(t, 1, "some hay 1")
	v.search(t, "needle")
	v.awaitFound(t, "1 of 100", 500, "Needle")
	v.press(t, "Enter")
	v.awaitFound(t, "2 of 100", 1500, "Needle")
	v.press(t, "Escape", "n", "n")
	v.awaitFound(t, "4 of 100", 3500, "Needle")
	v.press(t, "N")
	v.awaitFound(t, "3 of 100", 2500, "Needle")
	v.press(t, "N", "N", "N")
	v.awaitFound(t, "100 of 100", 99_500, "Needle")
	v.log(t, job, 1, "the last needle: %d")
	v.awaitText(t, ".hits", "100 of 101")
	v.press(t, "n")
	v.awaitFound(t, "101 of 101", lines+1, "needle")

	v.click(t, `$('[aria-label*="Match case"]')`)
	v.awaitText(t, ".hits", "1 of 1")
	v.click(t, `$('[aria-label*="Regular expression"]')`)
	v.search(t, `Needle \d*7500$`)
	v.awaitFound(t, "1 of 10", 7500, "Needle 7500")
	v.awaitOnlyLast(t, `[aria-label*="Match case"]`)
	v.search(t, "(")
	v.await(t, `$('.search').classList.contains('error') && $('input').getAttribute('aria-invalid') === 'true'`)
	v.search(t, "no such line")
	v.awaitText(t, ".hits", "none")
	var rows int
	if v.eval(t, &rows, "$$('.row').length"); rows > 200 {
		t.Errorf("%s: %d rows are elements, want no more than can be seen", v.engine, rows)
	}
}

// viewSearchInLine goes from match to match in lines that are wider than the
// screen, and higher where they are wrapped, and longer than what is drawn at first.
func viewSearchInLine(t *testing.T, v *viewer) {
	const job = "search in line"
	v.addJob(t, job)
	wide := strings.Repeat("0123456789 ", 600)
	v.log(t, job, 1, "a foo "+wide+"foo "+wide+"foo %d")
	v.log(t, job, 100, "line %d")
	v.log(t, job, 1, "the last foo %d")
	v.show(t, job)
	v.awaitCount(t, 102)
	for _, wrapped := range []bool{false, true} {
		v.press(t, "g")
		v.search(t, "foo")
		v.awaitMatch(t, 0, "1 of 2 lines that match; in this one it is match 1 of 3")
		v.press(t, "Enter")
		v.awaitMatch(t, 1, "1 of 2 lines that match; in this one it is match 2 of 3")
		v.press(t, "Enter")
		v.awaitMatch(t, 2, "1 of 2 lines that match; in this one it is match 3 of 3")
		v.press(t, "Enter")
		v.awaitMatch(t, 0, "2 of 2 lines that match")
		v.press(t, "Escape", "N")
		v.awaitMatch(t, 2, "1 of 2 lines that match; in this one it is match 3 of 3")
		v.press(t, "Escape", "w")
		v.awaitWrapping(t, !wrapped)
	}
}

func (v *viewer) awaitWrapping(t *testing.T, on bool) {
	t.Helper()
	v.await(t, `$('.app').classList.contains('wrapped') === %t`, on)
}

// awaitMatch waits until a match in a line is looked at, which is in view and the
// only one that is marked as that.
func (v *viewer) awaitMatch(t *testing.T, nth int, title string) {
	t.Helper()
	v.await(t, `frame().then(() => {
		const now = $$('.now'), at = now[0].getBoundingClientRect(), port = $('.port').getBoundingClientRect()
		const seen = at.left >= port.left && at.right <= port.right && at.top >= port.top && at.bottom <= port.bottom
		if (!seen || $('.hits').title !== %q) throw new Error(JSON.stringify([at, port, $('.hits').title]))
		return now.length === 1 && [...$('.found').querySelectorAll('mark')].indexOf(now[0]) === %d
	})`, title, nth)
}

// awaitOnlyLast switches something about a search that is under way, again and
// again: what the ones before find is no part of what the last one does.
func (v *viewer) awaitOnlyLast(t *testing.T, toggle string) {
	t.Helper()
	v.search(t, `needle \d*7500$|needle:`)
	v.awaitText(t, ".hits", "1 of 1")
	v.eval(t, new(bool), `(() => {
		for (let i = 0; i < 5; i++) $(%q).click()
		return true
	})()`, toggle)
	v.awaitText(t, ".hits", "11 of 11") // the last, where the reader is
	v.press(t, "Escape", "n", "n")
	v.awaitFound(t, "2 of 11", 17_500, "Needle 17500")
}

// viewFilter shows lines by severity, live.
func viewFilter(t *testing.T, v *viewer) {
	const job = "filter"
	v.addJob(t, job)
	for i := range 200 {
		severity := "info"
		switch {
		case i%50 == 10:
			severity = "ERROR"
		case i%20 == 5:
			severity = "warning"
		}
		v.exec(t, insertEvent, job, fmt.Sprintf("%s %d", severity, i), severity, eventTime)
	}
	v.show(t, job)
	v.awaitLine(t, 200, "info 199")
	v.awaitOptions(t, 200, 14, 4)
	v.press(t, "4")
	v.awaitRows(t, []int{11, 61, 111, 161})
	v.exec(t, insertEvent, job, "one more", "critical", eventTime)
	v.exec(t, insertEvent, job, "nothing", "info", eventTime)
	v.awaitRows(t, []int{11, 61, 111, 161, 201})
	v.awaitOptions(t, 202, 15, 5)
	v.press(t, "j", "x") // the first of them, in its context
	v.await(t, `$('select').value === '0'`)
	if at := v.numbers(t); !slices.Contains(at, 10) || !slices.Contains(at, 11) || !slices.Contains(at, 12) {
		t.Errorf("%s: the reader sees %v, want line 11 between others", v.engine, at)
	}
	v.eval(t, new(bool), `(() => {
		$('select').value = '4'
		return $('select').dispatchEvent(new Event('change'))
	})()`)
	v.awaitRows(t, []int{6, 11, 26, 46, 61, 66, 86, 106, 111, 126, 146, 161, 166, 186, 201})
	v.press(t, "1")
	v.awaitLine(t, 12, "info 11")
}

// awaitOptions waits until the filters say how many lines each shows.
func (v *viewer) awaitOptions(t *testing.T, all, warnings, errors int) {
	t.Helper()
	v.await(t, `(() => {
		const is = $$('option').map((o) => o.textContent).join()
		if (![%q, %q, %q].every((text) => is.includes(text))) throw new Error(is)
		return true
	})()`, fmt.Sprintf("all lines · %d", all), fmt.Sprintf("warn and worse · %d", warnings), fmt.Sprintf("error and worse · %d", errors))
}

// awaitRows waits until the rows are those of lines.
func (v *viewer) awaitRows(t *testing.T, numbers []int) {
	t.Helper()
	v.await(t, `(() => {
		const is = $$('.row .n a').map((a) => a.dataset.n).join(' ')
		if (is !== %q) throw new Error('the rows are ' + is)
		return true
	})()`, trim(fmt.Sprint(numbers)))
}

func trim(list string) string { return list[1 : len(list)-1] }

// viewLinks opens links to lines of a job that runs.
func viewLinks(t *testing.T, v *viewer) {
	const job = "links"
	v.addJob(t, job)
	v.log(t, job, 500, "line %d")
	for _, link := range []struct {
		hash     string
		from, to int
	}{{"#L123", 123, 123}, {"#L10-20", 10, 20}, {"#L480-L470", 470, 480}} {
		v.browser.open(t, v.page(job)+link.hash)
		v.awaitChosen(t, link.from, link.to)
		v.awaitText(t, ".toast", "") // it came while the log was read
		before := v.numbers(t)
		v.log(t, job, 1, "it runs on")
		v.awaitCount(t, len(v.rows(t, job)))
		if at := v.numbers(t); !slices.Equal(at, before) || !slices.Contains(at, link.from) {
			t.Errorf("%s: at %s the reader saw %v, and sees %v after a line", v.engine, link.hash, before, at)
		}
	}
	lines := len(v.rows(t, job))
	v.browser.open(t, fmt.Sprintf("%s#L%d", v.page(job), lines+2)) // of a line that is still to come
	v.awaitText(t, ".toast", fmt.Sprintf("line %d is not there yet", lines+2))
	v.awaitCount(t, lines)
	v.log(t, job, 40, "later %d")
	v.awaitChosen(t, lines+2, lines+2)

	v.click(t, `$$('.row').find((r) => r.querySelector('.n a').dataset.n === '510').querySelector('.n a')`)
	v.await(t, `location.hash === '#L510'`)
	v.awaitChosen(t, 510, 510)
}

// awaitCount waits until the page has so many lines, seen or not.
func (v *viewer) awaitCount(t *testing.T, lines int) {
	t.Helper()
	v.await(t, `$('.port').getAttribute('aria-rowcount') === '%d'`, lines)
}

// awaitChosen waits until just these lines are chosen, and the first is in view.
func (v *viewer) awaitChosen(t *testing.T, from, to int) {
	t.Helper()
	var want []int
	for n := from; n <= to; n++ {
		want = append(want, n)
	}
	v.await(t, `(() => {
		const is = $$('.row.chosen .n a').map((a) => a.dataset.n).join(' ')
		if (is !== %q) throw new Error('chosen are ' + is)
		return true
	})()`, trim(fmt.Sprint(want)))
	if at := v.numbers(t); !slices.Contains(at, from) {
		t.Errorf("%s: the reader sees %v, want line %d", v.engine, at, from)
	}
}
