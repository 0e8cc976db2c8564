package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// viewTruncated has messages of which not all is read: they say so where they
// end, and no other line does.
func viewTruncated(t *testing.T, v *viewer) {
	const job, most = "truncated", 1 << 20
	v.addJob(t, job)
	v.log(t, job, 2, "line %d")
	v.exec(t, insertEvent, job, strings.Repeat("x", most)+"y", "info", eventTime)
	v.show(t, job)
	v.awaitLine(t, 2, "line 1")
	v.exec(t, insertEvent, job, "of several lines\n"+strings.Repeat("z", most), "info", eventTime) // live
	v.log(t, job, 1, "after %d")
	v.awaitLine(t, 6, "after 0")
	v.await(t, `frame().then(() => $$('.row .chip:not(.more)').map((c) => c.closest('.row').querySelector('.n a').dataset.n).join() === '3,5')`)
	v.press(t, "g", "j", "j", "j", "Enter") // all of it
	var got struct{ Text, Mark string }
	v.eval(t, &got, `frame().then(() => {
		const [text, mark] = %s.querySelector('.m').childNodes
		return { text: text.textContent, mark: mark.textContent }
	})`, rowOf(3))
	if got.Text != strings.Repeat("x", most) || !strings.HasPrefix(got.Mark, "truncated") {
		t.Errorf("%s: the line has %d bytes, and then %q", v.engine, len(got.Text), got.Mark)
	}
}

// rowOf is the row of a line, which must be on the page.
func rowOf(number int) string {
	return strings.ReplaceAll(`$$('.row').find((r) => r.querySelector('.n a').dataset.n === 'N')`, "N", strconv.Itoa(number))
}

// viewGap takes lines away from a job that is looked at, as a restored backup
// does. What is left stays where it is, and where lines are gone the page says so.
func viewGap(t *testing.T, v *viewer) {
	const job, other = "gap", "beside the gap"
	v.addJob(t, job)
	v.addJob(t, other)
	v.log(t, job, 300, "line %d")
	v.show(t, job)
	v.awaitLine(t, 300, "line 299")
	v.click(t, `$('.port')`)
	v.press(t, "g")
	v.awaitTop(t, 1)
	v.call(t, "wheel", 2000)
	v.await(t, `frame().then(() => $('.port').scrollTop === 2000)`)
	before := v.numbers(t)

	v.restore(t, 100, job, "another")
	v.awaitGap(t, "Lines that were shown are gone.", 201)
	if at := v.numbers(t); !slices.Equal(at, before[:len(at)]) || len(at) < 20 { // the banner takes some room
		t.Errorf("%s: the reader saw %v, and sees %v after a gap", v.engine, before, at)
	}
	v.isMarked(t)
	v.click(t, `$$('.banner button').find((b) => b.textContent === 'Show where')`)
	v.awaitLine(t, 201, "lines that were shown here are goneanother")
	v.isMarked(t, 201)
	if at := v.numbers(t); !slices.Contains(at, 200) || !slices.Contains(at, 201) {
		t.Errorf("%s: the reader sees %v, want the place of the gap", v.engine, at)
	}
	v.click(t, `$$('.banner button').find((b) => b.textContent === 'Dismiss')`)
	v.await(t, `$('.banner').hidden`)

	v.log(t, other, 10, "line %d")
	watch(t, v.s, "/jobs/"+url.PathEscape(other)+"/logs").awaitLines(t, 10) // the server has read them
	v.restore(t, 10, other, "of another job")
	v.awaitGap(t, "All lines that were shown are there.", 201)
	v.press(t, "G")
	v.awaitLast(t, 201)
	v.isMarked(t)

	v.log(t, job, 2, "the last %d")
	v.awaitCount(t, 203)
	v.restore(t, 2, other, "of another job")
	v.awaitGap(t, "Lines that were shown are gone.", 201)
	v.awaitLine(t, 201, "lines that were shown after this one are goneanother")
	v.isMarked(t, 201)
	v.log(t, job, 1, "it goes on %d")
	v.awaitLine(t, 202, "it goes on 0")
}

// restore takes the newest rows out of the database, and adds one in their place.
func (v *viewer) restore(t *testing.T, rows int, job, text string) {
	t.Helper()
	v.exec(t, fmt.Sprintf(`BEGIN IMMEDIATE;
		DELETE FROM vibe_events WHERE event_id > (SELECT seq FROM sqlite_sequence WHERE name = 'vibe_events') - %d;
		UPDATE sqlite_sequence SET seq = seq - %[1]d WHERE name = 'vibe_events';
		INSERT INTO vibe_events (task_id, event_message, severity, event_time) VALUES ('%s', '%s', 'info', 1234567890);
		COMMIT`, rows, job, text))
}

// awaitGap waits until the page says, aloud, that it has read the log anew.
func (v *viewer) awaitGap(t *testing.T, text string, lines int) {
	t.Helper()
	v.await(t, `(() => {
		const { hidden, role, textContent: is } = $('.banner')
		if (hidden || role !== 'alert' || !is.includes(%q)) throw new Error('the banner says ' + is)
		return true
	})()`, text)
	v.awaitCount(t, lines)
}

// isMarked checks which lines in view say that lines are gone.
func (v *viewer) isMarked(t *testing.T, want ...int) {
	t.Helper()
	var got []int
	v.eval(t, &got, `frame().then(() => $$('.gap').map((g) => Number(g.closest('.row').querySelector('.n a').dataset.n)))`)
	if !slices.Equal(got, want) {
		t.Errorf("%s: lines %v say that lines are gone, want %v", v.engine, got, want)
	}
}
