package e2e

import (
	"slices"
	"strings"
	"testing"
)

// viewColours has lines of all severities, and colours of terminals, in both
// themes: they are what they are called.
func viewColours(t *testing.T, v *viewer) {
	const job = "colours"
	v.addJob(t, job)
	for _, severity := range []string{"info", "debug", "notice", "warn", "error", "critical"} {
		v.exec(t, insertEvent, job, severity, severity, eventTime)
	}
	v.exec(t, insertEvent, job, "\x1b[31mred\x1b[32mgreen\x1b[94mblue\x1b[0;1mbold\x1b[0;3;4mlean\x1b[0;44mbehind\x1b[0;7minverse\x1b[0;38;2;200;0;200mown", "info", eventTime)
	v.show(t, job)
	v.awaitCount(t, 7)
	var light, dark colours
	v.decodeColours(t, "light", &light)
	v.decodeColours(t, "dark", &dark)
	for theme, c := range map[string]colours{"light": light, "dark": dark} {
		c.check(t, v.engine+", "+theme)
	}
	for i := range light.Lines {
		if light.Lines[i] == dark.Lines[i] {
			t.Errorf("%s: line %d has the same colours in both themes", v.engine, i+1)
		}
	}
}

// colours are what a browser has computed: of lines their text, what is behind
// it, and the edge; of spans these and more, all as red, green, blue.
type colours struct {
	Lines [6]struct{ Text, Behind, Edge [3]int }
	Spans map[string]struct {
		Text, Behind [3]int
		Style        string
	}
}

func (v *viewer) decodeColours(t *testing.T, theme string, to *colours) {
	t.Helper()
	v.eval(t, to, `(async () => {
		document.querySelector('job-log').setAttribute('theme', '%s')
		await frame()
		const canvas = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true })
		const rgb = (colour) => {
			canvas.clearRect(0, 0, 1, 1)
			canvas.fillStyle = colour
			canvas.fillRect(0, 0, 1, 1)
			return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3)
		}
		const looks = (e) => getComputedStyle(e)
		return {
			lines: $$('.row').slice(0, 6).map((r) => ({
				text: rgb(looks(r.querySelector('.m')).color), behind: rgb(looks(r).backgroundColor), edge: rgb(looks(r.querySelector('.n a')).borderLeftColor),
			})),
			spans: Object.fromEntries([...$$('.row')[6].querySelectorAll('.m span')].map((s) => [s.textContent, {
				text: rgb(looks(s).color), behind: rgb(looks(s).backgroundColor), style: looks(s).fontWeight + ' ' + looks(s).fontStyle + ' ' + looks(s).textDecorationLine,
			}])),
		}
	})()`, theme)
}

func (c colours) check(t *testing.T, where string) {
	t.Helper()
	for i, a := range c.Lines {
		for j, b := range c.Lines[:i] {
			if a == b {
				t.Errorf("%s: lines %d and %d look the same: %v", where, j+1, i+1, a)
			}
		}
	}
	info, failed := c.Lines[0], c.Lines[4]
	if failed.Text[0] <= failed.Text[1]+50 || failed.Behind == info.Behind {
		t.Errorf("%s: an error is %v", where, failed)
	}
	for name, most := range map[string]int{"red": 0, "green": 1, "blue": 2} {
		text := c.Spans[name].Text
		for other := range text {
			if other != most && text[other] >= text[most] {
				t.Errorf("%s: %s is %v", where, name, text)
			}
		}
	}
	if own := c.Spans["own"].Text; own[0] <= own[1] || own[2] <= own[1] {
		t.Errorf("%s: magenta is %v", where, own)
	}
	for name, style := range map[string]string{"bold": "600 normal none", "lean": "400 italic underline", "red": "400 normal none"} {
		if got := c.Spans[name].Style; got != style {
			t.Errorf("%s: %s is %q, want %q", where, name, got, style)
		}
	}
	if behind := c.Spans["behind"].Behind; behind[2] <= behind[0] || behind[2] <= behind[1] {
		t.Errorf("%s: behind blue is %v", where, behind)
	}
	if c.Spans["inverse"].Behind != info.Text {
		t.Errorf("%s: behind what is inverse is %v, want %v", where, c.Spans["inverse"].Behind, info.Text)
	}
}

// viewSettings turns times and wrapping on and off, and finds them so when the
// page is loaded again.
func viewSettings(t *testing.T, v *viewer) {
	const job = "settings"
	v.addJob(t, job)
	v.enter(t, job, entry{0, "info", "first"}, entry{61_500, "info", "later"}, entry{2*3_600_000 + 60_250, "info", "much later"}, entry{-500, "info", "earlier"})
	v.exec(t, insertEvent, job, "in seconds", "info", eventAt/1000+5)
	v.exec(t, insertEvent, job, "never", "info", nil)
	v.exec(t, insertEvent, job, strings.Repeat("0", 500)+"needle", "info", eventAt)
	v.show(t, job)
	v.awaitCount(t, 7)
	const never = `'', '', '', '', '', '', ''`
	v.awaitTimes(t, "off", never)
	v.press(t, "t")
	const absolute = `at(0), at(61500), at(7260250), at(-500), at(4877), '', at(0)`
	v.awaitTimes(t, "absolute", absolute)
	v.click(t, `$('[aria-label^="Times"]')`)
	const relative = `'+00:00.000', '+01:01.500', '+2:01:00.2', '-00:00.500', '+00:04.877', '', '+00:00.000'`
	v.awaitTimes(t, "relative", relative)
	v.awaitWrapped(t, false)
	v.search(t, "needle") // far to the right
	v.await(t, `frame().then(() => {
		const { left, right } = $('.found mark').getBoundingClientRect()
		return $('.port').scrollLeft > 1000 && left > 100 && right < $('.port').clientWidth
	})`)
	v.press(t, "Escape", "Escape")
	v.click(t, `$('[aria-label^="Wrap"]')`)
	v.awaitWrapped(t, true)

	v.call(t, "reload")
	v.awaitCount(t, 7)
	v.awaitTimes(t, "relative", relative)
	v.awaitWrapped(t, true)
	v.press(t, "t", "w")
	v.awaitTimes(t, "off", never)
	v.awaitWrapped(t, false)
	v.call(t, "reload")
	v.awaitCount(t, 7)
	v.awaitTimes(t, "off", never)
	v.awaitWrapped(t, false)
}

// awaitTimes waits until the rows have these times, which may be ones of the day
// where the browser is, so many milliseconds after the first.
func (v *viewer) awaitTimes(t *testing.T, kind, want string) {
	t.Helper()
	v.await(t, `frame().then(() => {
		const at = (ms) => new Date(%d + ms).toLocaleTimeString('sv') + '.' + String((%[1]d + ms) %% 1000).padStart(3, '0')
		const want = [%[2]s], cells = $$('.row .t'), is = cells.map((c) => getComputedStyle(c).display === 'none' ? '' : c.textContent)
		if (is.join('|') !== want.join('|')) throw new Error('the times are ' + is.join('|') + ', and not ' + want.join('|'))
		const { title, ariaPressed } = $('[aria-label="Times: %[3]s"]')
		return title === 'Times: %[3]s (t)' && ariaPressed === '%[4]t' && cells[1].title === new Date(%[1]d + 61500).toISOString()
	})`, eventAt, want, kind, kind != "off")
}

func (v *viewer) awaitWrapped(t *testing.T, on bool) {
	t.Helper()
	v.await(t, `frame().then(() => {
		const { scrollWidth, clientWidth } = $('.port'), high = $$('.row').at(-1).offsetHeight
		const as = '%t' === 'true' ? high >= 60 && scrollWidth === clientWidth : high === 20 && scrollWidth > clientWidth
		if (!as) throw new Error([scrollWidth, clientWidth, high].join())
		return $('[aria-label^="Wrap"]').ariaPressed === '%[1]t'
	})`, on)
}

// viewURLs has addresses in lines: those of the web can be followed, safely.
func viewURLs(t *testing.T, v *viewer) {
	const job = "urls"
	v.addJob(t, job)
	v.exec(t, insertEvent, job, "see (https://example.com/a_(b)?c=d&e=%20#f), \x1b[1mhttp://\x1b[31m127.0.0.1:1\x1b[0m/x. ftp://example.com javascript://x https://", "error", eventTime)
	v.show(t, job)
	v.awaitCount(t, 1)
	type link struct{ Text, Href, Rel, Target, Line string }
	var got []link
	v.eval(t, &got, `$$('.row .m a').map((a) => ({
		text: a.textContent, href: a.getAttribute('href'), rel: a.rel, target: a.target, line: getComputedStyle(a).textDecorationLine,
	}))`)
	want := []link{
		{"https://example.com/a_(b)?c=d&e=%20#f", "https://example.com/a_(b)?c=d&e=%20#f", "noopener noreferrer", "_blank", "underline"},
		{"http://127.0.0.1:1/x", "http://127.0.0.1:1/x", "noopener noreferrer", "_blank", "underline"},
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the links are %q, want %q", v.engine, got, want)
	}
}
