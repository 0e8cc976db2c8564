package e2e

import (
	"fmt"
	"strings"
	"testing"
)

// eventAt is the time of the first event of a log whose times matter.
const eventAt = 1_700_000_000_123

// entry is a row that comes some time after the first.
type entry struct {
	after    int64 // ms
	severity string
	text     string
}

func (v *viewer) enter(t *testing.T, job string, list ...entry) {
	t.Helper()
	for _, e := range list {
		v.exec(t, insertEvent, job, e.text, e.severity, eventAt+e.after)
	}
}

// build has groups of both kinds, one in another, one that fails, and one that
// goes on.
var build = []entry{
	{0, "info", "section_start:1000:build\r\x1b[0KBuild"}, // 1
	{0, "info", "make"},
	{0, "info", "section_end:1065:build\r\x1b[0K"},
	{1000, "info", "::group::Install"}, // 4
	{1000, "info", "npm"},
	{2000, "info", "::group::Nested"}, // 6
	{2000, "info", "a needle"},
	{2250, "info", "::endgroup::"},
	{3000, "info", "yarn"},
	{13_400, "info", "::endgroup::"},
	{14_000, "info", "::group::Test"}, // 11
	{14_000, "error", "it fails"},
	{15_000, "info", "::endgroup::"},
	{16_000, "info", "between"},
	{16_000, "info", "::group::Deploy"}, // 15
	{16_000, "info", "it goes on"},
}

// viewGroups folds and unfolds groups, by hand and by what happens in them.
func viewGroups(t *testing.T, v *viewer) {
	const job = "groups"
	v.addJob(t, job)
	v.enter(t, job, build...)
	v.show(t, job)
	v.awaitRows(t, []int{1, 4, 11, 12, 14, 15, 16})
	v.awaitTitles(t, "▸Build 1 line, 1 min 05 s", "▸Install 4 lines, 12 s", "▾Test 1 line, 1.0 s failed", "▾Deploy")

	v.click(t, title(4))
	v.awaitRows(t, []int{1, 4, 5, 6, 9, 11, 12, 14, 15, 16})
	v.awaitTitles(t, "▸Build 1 line, 1 min 05 s", "▾Install 4 lines, 12 s", "▸Nested 1 line, 250 ms", "▾Test 1 line, 1.0 s failed", "▾Deploy")
	v.click(t, title(6))
	v.awaitRows(t, []int{1, 4, 5, 6, 7, 9, 11, 12, 14, 15, 16})
	v.click(t, title(4))
	v.awaitRows(t, []int{1, 4, 11, 12, 14, 15, 16})

	v.press(t, "g", "j", "o")
	v.awaitRows(t, []int{1, 2, 4, 11, 12, 14, 15, 16})
	v.press(t, "j", "Enter") // a line in it folds it as well
	v.awaitRows(t, []int{1, 4, 11, 12, 14, 15, 16})
	v.await(t, `$('.current').querySelector('.n a').dataset.n === '1'`)
	v.press(t, "O")
	v.awaitRows(t, []int{1, 4, 11, 14, 15})
	v.press(t, "O")
	v.awaitRows(t, []int{1, 2, 4, 5, 6, 7, 9, 11, 12, 14, 15, 16})

	v.show(t, job) // as it is at first
	v.awaitRows(t, []int{1, 4, 11, 12, 14, 15, 16})
	v.search(t, "needle")
	v.awaitFound(t, "1 of 1", 7, "needle")
	v.awaitRows(t, []int{1, 4, 5, 6, 7, 9, 11, 12, 14, 15, 16})
	v.browser.open(t, v.page(job)+"#L7")
	v.awaitChosen(t, 7, 7)
	v.awaitRows(t, []int{1, 4, 5, 6, 7, 9, 11, 12, 14, 15, 16})
}

// viewGroupsLive sees groups begin and end: one that goes on is open, and when it
// ends it is folded, but for those that failed and readers who are not at the end.
func viewGroupsLive(t *testing.T, v *viewer) {
	const job = "groups live"
	v.addJob(t, job)
	v.show(t, job)
	v.awaitState(t, "running", "live")
	for i, severity := range []string{"info", "error", "info"} {
		at := int64(i) * 10_000
		first := 4*i + 1
		if i == 2 {
			v.press(t, "f") // the reader leaves the end
		}
		v.enter(t, job, entry{at, "info", fmt.Sprintf("::group::Step %d", i)}, entry{at, severity, "its line"})
		v.awaitShown(t, first, first+1)
		v.awaitTitle(t, first, fmt.Sprintf("▾Step %d", i)+[]string{"", " failed", ""}[i])
		v.enter(t, job, entry{at + 3000, "info", "::endgroup::"}, entry{at + 3000, "info", "done"})
		v.awaitShown(t, first+3)
		v.awaitTitle(t, first, fmt.Sprintf([]string{"▸Step %d 1 line, 3.0 s", "▾Step %d 1 line, 3.0 s failed", "▾Step %d 1 line, 3.0 s"}[i], i))
	}
	v.enter(t, job, entry{40_000, "info", "::group::Never ends"}, entry{41_000, "info", "the last"})
	v.setState(t, job, "failed")
	v.awaitState(t, "failed", "complete")
	v.awaitRows(t, []int{1, 4, 5, 6, 8, 9, 10, 12, 13, 14})

	v.show(t, job) // to who comes later it is the same, but for what was kept open
	v.awaitRows(t, []int{1, 4, 5, 6, 8, 9, 12, 13, 14})
	v.awaitTitle(t, 13, "▾Never ends")
}

// title is what is clicked to fold a group, and arrow the button before it.
func title(number int) string { return rowOf(number) + `.querySelector('.title')` }
func arrow(number int) string { return rowOf(number) + `.querySelector('.fold')` }

// viewGroupTitle has a group whose title has a link, and is too long to be drawn:
// what is in it is for itself, and the rest folds the group.
func viewGroupTitle(t *testing.T, v *viewer) {
	const job = "group title"
	v.addJob(t, job)
	v.enter(t, job,
		entry{0, "info", "::group::Fetch https://example.com/ and " + strings.Repeat("more ", 3000)},
		entry{0, "error", "it fails"}, entry{0, "info", "::endgroup::"}, entry{0, "info", "::group::Short"}, entry{0, "error", "fails"}, entry{0, "info", "::endgroup::"})
	v.show(t, job)
	v.awaitRows(t, []int{1, 2, 4, 5})
	v.await(t, `$$('.fold').map((b) => [b.ariaLabel.slice(0, 9), b.ariaExpanded, b.textContent].join()).join() === 'Fetch htt,true,,Short,true,'`)
	v.do(t, `$('.title a').addEventListener('click', (e) => { e.preventDefault(), window.followed = e.target.href })`)
	v.click(t, `$('.title a')`)
	v.await(t, `followed === 'https://example.com/'`)
	v.drag(t, caret(4, 1), caret(4, 3))
	v.copies(t, "in a title", "ho")
	v.do(t, `$('.title .more').scrollIntoView({ inline: 'center' })`)
	v.click(t, `$('.title .more')`)
	v.await(t, `!$('.more') && $('.title').textContent.length === 15_031`)
	v.do(t, `($('.port').scrollLeft = 0)`)
	v.awaitRows(t, []int{1, 2, 4, 5}) // nothing of that folds
	v.click(t, title(4))
	v.awaitRows(t, []int{1, 2, 4})
	v.click(t, arrow(1))
	v.awaitRows(t, []int{1, 4})
	v.click(t, arrow(4))
	v.awaitRows(t, []int{1, 4, 5})
}

// titles are those of groups that are shown: open or not, and what is said of them.
const titles = `$$('.row.group').map((r) => {
	const open = r.querySelector('.fold').getAttribute('aria-expanded') === 'true', arrow = getComputedStyle(r.querySelector('.fold'), '::before').content
	if (arrow !== (open ? '"▾"' : '"▸"')) throw new Error('the arrow is ' + arrow)
	const words = [r.querySelector('.title'), r.querySelector('.about')].map((e) => e?.textContent ?? '')
	return { n: r.querySelector('.n a').dataset.n, text: arrow[1] + [...words, r.classList.contains('failed') ? 'failed' : ''].filter(Boolean).join(' ') }
})`

func (v *viewer) awaitTitles(t *testing.T, want ...string) {
	t.Helper()
	v.await(t, `frame().then(() => {
		const is = %s.map((t) => t.text).join('|')
		if (is !== %q) throw new Error('the groups are ' + is)
		return true
	})`, titles, strings.Join(want, "|"))
}

func (v *viewer) awaitTitle(t *testing.T, number int, want string) {
	t.Helper()
	v.await(t, `frame().then(() => {
		const is = %s.find((t) => t.n === '%d')?.text
		if (is !== %q) throw new Error('the group is ' + is)
		return true
	})`, titles, number, want)
}

// awaitShown waits until lines are rows.
func (v *viewer) awaitShown(t *testing.T, numbers ...int) {
	t.Helper()
	for _, n := range numbers {
		v.await(t, "%s !== undefined", rowOf(n))
	}
}
