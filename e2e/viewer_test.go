package e2e

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// viewer is the page jobs_viewer in a browser.
type viewer struct {
	*app
	*browser
	s *server
}

// TestViewer drives the page as readers do, in the browsers that they have.
func TestViewer(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"chromium", "firefox"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			a, s := onSQLite(t, config{binary: plainCaddy, jobs: "poll_interval 50ms"})
			v := &viewer{a, newBrowser(t, engine), s}
			for _, test := range readings {
				if test.only == "" || test.only == engine {
					t.Run(test.name, func(t *testing.T) { test.run(t, v) })
				}
			}
		})
	}
}

// readings are what readers do.
var readings = []struct {
	name string
	run  func(t *testing.T, v *viewer)
	only string // the browser that can be asked to be so
}{
	{"live", viewLive, ""},
	{"turn", viewTurn, ""},
	{"resume", viewResume, ""},
	{"hostile", viewHostile, ""},
	{"place", viewPlace, ""},
	{"policy", viewPolicy, ""},
	{"end", viewEnd, ""},
	{"refused", viewRefused, ""},
	{"follow", viewFollow, ""},
	{"steady", viewSteady, ""},
	{"nudge", viewNudge, ""},
	{"narrow", viewNarrow, ""},
	{"help", viewHelp, ""},
	{"forced", viewForced, "chromium"},
	{"keys", viewKeys, ""},
	{"downloads", viewDownloads, ""},
	{"search", viewSearch, ""},
	{"search in line", viewSearchInLine, ""},
	{"filter", viewFilter, ""},
	{"links", viewLinks, ""},
	{"index", viewIndex, ""},
	{"index keys", viewIndexKeys, ""},
	{"index hostile", viewIndexHostile, ""},
	{"truncated", viewTruncated, ""},
	{"gap", viewGap, ""},
	{"copy", viewCopy, ""},
	{"selection", viewSelection, ""},
	{"selection live", viewSelectionLive, ""},
	{"groups", viewGroups, ""},
	{"group title", viewGroupTitle, ""},
	{"groups live", viewGroupsLive, ""},
	{"colours", viewColours, ""},
	{"settings", viewSettings, ""},
	{"urls", viewURLs, ""},
	{"touch", viewTouch, "chromium"},
	{"tapped", viewTapped, "chromium"},
	{"still", viewStill, "chromium"},
	{"spoken", viewSpoken, ""},
	{"rows", viewRows, ""},
	{"focus", viewFocus, ""},
}

// show opens the page of a job.
func (v *viewer) show(t *testing.T, job string, looks ...look) {
	t.Helper()
	v.browser.open(t, v.page(job), looks...)
}

func (v *viewer) page(job string) string { return v.s.http + "/jobs/" + url.PathEscape(job) }

// awaitLine waits until a row has a number and a text.
func (v *viewer) awaitLine(t *testing.T, number int, text string) {
	t.Helper()
	v.await(t, `$$('.row').some((r) => r.querySelector('.n a').dataset.n === '%d' && r.querySelector('.m').textContent === %q)`, number, text)
}

// isWhole checks that the page has each row of the table, once.
func (v *viewer) isWhole(t *testing.T, job string) {
	t.Helper()
	var want []string
	for _, l := range v.rows(t, job) {
		want = append(want, l.Message)
	}
	if got := v.text(t); got != strings.Join(want, "\n") {
		t.Errorf("the page has\n%s\nwant\n%s", got, strings.Join(want, "\n"))
	}
}

// awaitState waits until the page says how the job and the connection are.
func (v *viewer) awaitState(t *testing.T, job, connection string) {
	t.Helper()
	v.awaitText(t, ".badge", job)
	v.awaitText(t, ".connection", connection)
}

// viewLive sees a job that has no line yet grow, and end.
func viewLive(t *testing.T, v *viewer) {
	const job = "live"
	v.addJob(t, job)
	v.show(t, job)
	v.awaitState(t, "running", "live")
	v.awaitText(t, ".empty", "No line yet.")
	v.log(t, job, 3, "first %d")
	v.awaitLine(t, 3, "first 2")
	for i := range 5 {
		v.log(t, job, 40, fmt.Sprintf("burst %d line %%d", i))
		v.awaitLine(t, 3+40*(i+1), fmt.Sprintf("burst %d line 39", i))
	}
	if at := v.numbers(t); at[len(at)-1] != 203 {
		t.Errorf("the reader sees %v, want the end", at)
	}
	v.setState(t, job, "completed")
	v.awaitState(t, "completed", "complete")
	v.isWhole(t, job)
}

// viewTurn sees a job's turn come, once with a line and once without.
func viewTurn(t *testing.T, v *viewer) {
	const job = "turn"
	v.addJob(t, job)
	v.setState(t, job, "queued")
	v.log(t, job, 1, "queued %d")
	v.show(t, job)
	v.awaitState(t, "queued", "live")
	v.setState(t, job, "pending")
	v.log(t, job, 1, "place in the queue: %d")
	v.awaitState(t, "pending", "live")
	v.setState(t, job, "running")
	v.awaitState(t, "running", "live")
	v.setState(t, job, "completed")
	v.awaitState(t, "completed", "complete")
	v.isWhole(t, job)
}

// viewResume kills the server under a page, twice: nothing is lost or doubled.
func viewResume(t *testing.T, v *viewer) {
	const job = "resume"
	v.addJob(t, job)
	v.log(t, job, 60, "at first %d")
	v.show(t, job)
	v.awaitLine(t, 60, "at first 59")
	for i := range 2 {
		v.s.crash(t)
		v.await(t, `$('.connection').dataset.kind === 'reconnecting' && $('.connection').textContent.startsWith('reconnecting in ')`)
		v.log(t, job, 30, fmt.Sprintf("while it is dead %d: %%d", i))
		v.s.launch(t)
		v.awaitLine(t, 90+40*i, fmt.Sprintf("while it is dead %d: 29", i))
		v.awaitState(t, "running", "live")
		v.log(t, job, 10, fmt.Sprintf("it is back %d: %%d", i))
		v.awaitLine(t, 100+40*i, fmt.Sprintf("it is back %d: 9", i))
	}
	v.s.crash(t)
	v.await(t, `$('.connection').dataset.kind === 'reconnecting'`)
	v.setState(t, job, "failed") // and no line more: the server has nothing to add
	v.s.launch(t)
	v.awaitState(t, "failed", "complete")
	v.await(t, `$('.badge').dataset.mood === 'bad'`)
	v.isWhole(t, job)
}
