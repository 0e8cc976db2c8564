package e2e

import (
	"slices"
	"strings"
	"testing"
)

// viewFollow scrolls up in a job that runs: lines that come do not move the
// reader, the pill counts them, and a click on it goes down.
func viewFollow(t *testing.T, v *viewer) {
	const job = "follow"
	v.addJob(t, job)
	v.log(t, job, 200, "line %d")
	v.show(t, job)
	v.awaitLine(t, 200, "line 199")
	v.await(t, `$('.pill').hidden && $('[aria-label^="Follow"]').getAttribute('aria-pressed') === 'true'`)
	v.call(t, "wheel", -700)
	v.await(t, `!$('.pill').hidden && $('.port').scrollTop < $('.port').scrollHeight - $('.port').clientHeight - 600`)
	v.awaitText(t, ".pill", "↓ to the end")
	before := v.numbers(t)
	v.log(t, job, 1, "news")
	v.awaitText(t, ".pill", "↓ 1 new line")
	v.log(t, job, 49, "more news %d")
	v.awaitText(t, ".pill", "↓ 50 new lines")
	if at := v.numbers(t); !slices.Equal(at, before) || slices.Contains(at, 200) {
		t.Errorf("%s: the reader saw %v, and sees %v after lines came", v.engine, before, at)
	}
	v.await(t, `$('[aria-label^="Follow"]').getAttribute('aria-pressed') === 'false'`)
	v.click(t, `$('.pill')`)
	v.await(t, `$('.pill').hidden`)
	v.awaitLast(t, 250)
	v.log(t, job, 30, "and on %d")
	v.awaitLast(t, 280)
	for i, height := range []int{900, 500, 850} {
		v.call(t, "resize", 1000, height)
		v.await(t, `innerHeight === %d`, height)
		v.awaitLast(t, 280+i)
		v.awaitFollowing(t, true)
		v.log(t, job, 1, "in another window %d")
		v.awaitLast(t, 281+i)
	}
	v.setState(t, job, "completed")
	v.awaitState(t, "completed", "complete")
}

// viewSteady has the lines get more room and lose it before a frame is drawn, as
// when something above them goes and comes back: who follows still does.
func viewSteady(t *testing.T, v *viewer) {
	const job = "steady"
	v.addJob(t, job)
	v.log(t, job, 200, "line %d")
	v.show(t, job)
	v.awaitLast(t, 200)
	v.do(t, `(async () => {
		const host = document.querySelector('job-log'), port = $('.port')
		for (const heights of [[500], [502, 500], [900, 500], [300, 500], [900, 300, 500], [501]]) {
			for (const height of heights) {
				host.style.height = height + 'px'
				if (port.scrollTop < 1000) throw new Error('the lines are at ' + port.scrollTop) // it is laid out, too
			}
			await frame()
		}
	})()`)
	v.awaitFollowing(t, true)
	v.log(t, job, 1, "news")
	v.awaitLast(t, 201)
	v.do(t, `($('.port').scrollTop -= 300, frame())`)
	v.awaitFollowing(t, false)
}

// viewNudge scrolls up by as little as can be, as touchpads do.
func viewNudge(t *testing.T, v *viewer) {
	const job = "nudge"
	v.addJob(t, job)
	v.log(t, job, 200, "line %d")
	v.show(t, job)
	v.awaitLast(t, 200)
	for range 10 {
		v.call(t, "wheel", -1)
		v.do(t, `frame()`)
	}
	v.awaitFollowing(t, false)
	v.await(t, `frame().then(() => $('.port').scrollTop < $('.port').scrollHeight - $('.port').clientHeight - 5)`)
}

// awaitLast waits until the last line that can be seen has a number.
func (v *viewer) awaitLast(t *testing.T, number int) {
	t.Helper()
	v.await(t, `frame().then(() => {
		const port = $('.port'), last = $$('.row').at(-1)
		return last.querySelector('.n a').dataset.n === '%d' && port.scrollTop >= port.scrollHeight - port.clientHeight - 1
	})`, number)
}

// viewKeys reads a log without a mouse.
func viewKeys(t *testing.T, v *viewer) {
	const job = "keys"
	v.addJob(t, job)
	v.log(t, job, 300, "some line %d")
	v.exec(t, insertEvent, job, "a long line that is wrapped: "+strings.Repeat("0123456789 ", 50), "info", eventTime)
	v.show(t, job)
	v.awaitLine(t, 300, "some line 299")
	v.press(t, "?")
	v.await(t, `$('dialog').open && $('dialog').innerText.includes('next and previous match')`)
	v.press(t, "Escape")
	v.await(t, `!$('dialog').open`)
	v.press(t, "g")
	v.awaitTop(t, 1)
	v.press(t, "j", "j", "j", "k")
	v.await(t, `$('.current').id === 'line-1' && $$('[aria-current=true]').map((r) => r.id).join() === 'line-1'`)
	v.awaitText(t, ".spoken", "Line 2: some line 1")
	v.press(t, "G")
	v.awaitLast(t, 301)
	v.awaitFollowing(t, true)
	v.press(t, "w")
	v.await(t, `frame().then(() => $$('.row').at(-1).offsetHeight >= 60)`)
	v.awaitLast(t, 301)
	v.press(t, "w")
	v.await(t, `frame().then(() => $$('.row').at(-1).offsetHeight === 20)`)
	v.press(t, "f")
	v.awaitFollowing(t, false)
	v.press(t, "f")
	v.awaitFollowing(t, true)
	v.press(t, "/")
	v.await(t, `root.activeElement === $('input')`)
	v.call(t, "type", "line 77")
	v.awaitFound(t, "1 of 1", 78, "line 77")
	v.press(t, "Escape")
	v.await(t, `root.activeElement === $('.port')`)
	v.press(t, "Escape")
	v.awaitText(t, ".hits", "")
	v.press(t, "t")
	v.await(t, `frame().then(() => $('.row .t').textContent !== '')`)
}

// awaitTop waits until the first line that can be seen has a number.
func (v *viewer) awaitTop(t *testing.T, number int) {
	t.Helper()
	v.await(t, `frame().then(() => $('.port').scrollTop === 0 && $('.row .n a').dataset.n === '%d')`, number)
}

func (v *viewer) awaitFollowing(t *testing.T, on bool) {
	t.Helper()
	v.await(t, `$('[aria-label^="Follow"]').getAttribute('aria-pressed') === '%v'`, on)
}

// viewEnd sees a job complete: whatever time passes then, the page asks for
// nothing more. Only Chromium's clock can be put forward.
func viewEnd(t *testing.T, v *viewer) {
	const job = "end"
	v.addJob(t, job)
	v.log(t, job, 10, "line %d")
	v.show(t, job, look{Clock: v.engine == "chromium"})
	v.awaitLine(t, 10, "line 9")
	v.setState(t, job, "completed")
	v.awaitState(t, "completed", "complete")
	v.await(t, `$('.badge').dataset.mood === 'good' && document.title === 'end · completed'`)
	v.await(t, `$('[aria-label^="Follow"]').hidden && $('.again').hidden`)
	if v.engine == "chromium" {
		v.call(t, "forward", 600_000)
	}
	v.eval(t, new(bool), `frame().then(() => true)`)
	var requests []string
	v.decode(t, v.call(t, "requests"), &requests)
	streams := slices.DeleteFunc(requests, func(r string) bool { return !strings.Contains(r, "/logs") })
	if len(streams) != 1 {
		t.Errorf("%s: the page asked for %q, want one stream", v.engine, streams)
	}

	const failed = "failed"
	v.addJob(t, failed)
	v.setState(t, failed, "failed")
	v.show(t, failed)
	v.awaitState(t, "failed", "complete")
	v.await(t, `$('.badge').dataset.mood === 'bad'`)
	v.awaitText(t, ".empty", "The job ended without a line.")
}

// viewRefused has the history refused, as by a proxy in between, until the reader
// has it tried again.
func viewRefused(t *testing.T, v *viewer) {
	const job = "refused"
	v.addJob(t, job)
	v.addLines(t, job, 2600)
	v.show(t, job)
	v.awaitLine(t, 2600, "some hay 2600")
	v.await(t, `(window.allowed = window.fetch, window.fetch = (to, how) =>
		to.includes('follow=false') ? Promise.resolve(new Response('no', { status: 403 })) : allowed(to, how), true)`)
	v.await(t, `(document.querySelector('job-log').setAttribute('src', %q), true)`, "/jobs/"+job+"/logs")
	v.awaitState(t, "running", "live")
	v.awaitText(t, ".note button", "try again")
	v.log(t, job, 1, "one more %d")
	v.await(t, `$$('.row .m').some((m) => m.textContent === 'one more 0')`)
	v.await(t, `(window.fetch = allowed, true)`)
	v.call(t, "click", `$('.note button')`)
	v.awaitLine(t, 2601, "one more 0")
	v.await(t, `$('.note').hidden`)
	v.isWhole(t, job)
}

// viewDownloads saves the log as text and as NDJSON: to the byte what curl gets.
func viewDownloads(t *testing.T, v *viewer) {
	const job = "down loads/é" // whose names become those of files
	v.addJob(t, job)
	v.log(t, job, 2500, "line %d")
	for _, text := range payloads {
		v.exec(t, insertEvent, job, text+"\nüñí\r\n", "warn", eventTime)
	}
	v.show(t, job)
	v.await(t, `$('.port').getAttribute('aria-rowcount') >= 2500`)
	for _, format := range []struct{ name, query, file string }{
		{"Text", "text", "down_loads_é.log"}, {"NDJSON", "ndjson", "down_loads_é.ndjson"},
	} {
		var got struct{ Name, Text string }
		v.decode(t, v.call(t, "download", format.name), &got)
		want := curl(t, v.page(job)+"/logs?follow=false&format="+format.query)
		if got.Text != want || len(want) < 2500 {
			t.Errorf("%s: %d bytes are downloaded, curl gets %d:\n%.500s\nand\n%.500s", format.name, len(got.Text), len(want), got.Text, want)
		}
		if got.Name != format.file {
			t.Errorf("%s: the file is called %q, want %q", format.name, got.Name, format.file)
		}
	}
}
