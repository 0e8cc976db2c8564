package e2e

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var (
	shotsFlag = flag.String("shots", "", "the directory for pictures of the page; that of the test's artifacts if empty")
	shownFlag = flag.String("picture", "", "the file for the picture that the README shows; none if empty")
)

// scene is how the page may look.
type scene struct {
	name, job string // without a job it is the index
	look      look
	keys      []string
	search    string
	until     string // what holds when it is there
}

var scenes = []scene{
	{"running-light", "build-running", look{}, nil, "", `$('.connection').textContent === 'live'`},
	{"running-dark", "build-running", look{Dark: true}, nil, "", `$('.connection').textContent === 'live'`},
	{"failed-light", "build-failed", look{Height: 560}, []string{"g"}, "", `$('.port').scrollTop === 0 && $('.connection').textContent === 'complete'`},
	{"failed-dark", "build-failed", look{Height: 560, Dark: true}, []string{"g", "t"}, "", `$('.port').scrollTop === 0 && $('.row .t').textContent !== ''`},
	{"failed-narrow", "build-failed", look{Width: 360, Height: 740}, []string{"w"}, "", `$('.app').classList.contains('wrapped')`},
	{"running-narrow-dark", "build-running", look{Width: 360, Height: 740, Dark: true}, nil, "", `$('.connection').textContent === 'live'`},
	{"search-light", "build-failed", look{}, []string{"g"}, "error", `$('mark') && $('.hits').textContent.includes(' of ')`},
	{"search-dark", "build-failed", look{Dark: true}, []string{"g"}, "error", `$('mark') && $('.hits').textContent.includes(' of ')`},
	{"search-narrow", "build-failed", look{Width: 360, Height: 740}, []string{"g"}, "error", `$('mark') && $('.hits').textContent.includes(' of ')`},
	{"filter-light", "build-failed", look{}, []string{"3"}, "", `$('select').value === '4'`},
	{"help-light", "build-failed", look{}, []string{"?"}, "", `$('dialog').open`},
	{"help-dark", "build-failed", look{Dark: true}, []string{"?"}, "", `$('dialog').open`},
	{"folded-light", "build-failed", look{}, []string{"g", "O"}, "", `$('[aria-expanded]')`},
	{"empty-dark", "queued", look{Dark: true}, nil, "", `$('.empty').textContent === 'No line yet.'`},
	{"unknown-light", "unknown", look{expected: refused}, nil, "", `$('.empty').textContent === 'there is no such job'`},
	{"index-light", "", look{Height: 560}, nil, "", `$$('tbody tr').length === 5`},
	{"index-dark", "", look{Height: 560, Dark: true}, nil, "", `$$('tbody tr').length === 5`},
	{"index-narrow", "", look{Width: 360, Height: 740}, nil, "", `$$('tbody tr').length === 5`},
	{"index-narrow-dark", "", look{Width: 360, Height: 740, Dark: true}, []string{"/", "x"}, "", `$('.empty').textContent === 'No job matches.'`},
}

// inFirefox are the scenes that are looked at in Firefox as well.
var inFirefox = []string{"running-light", "failed-dark", "search-narrow", "index-light", "index-dark"}

// stage shows a scene.
func (v *viewer) stage(t *testing.T, s scene) {
	t.Helper()
	if s.job == "" {
		v.showIndex(t, s.look)
		v.await(t, `$$('tbody tr').length > 0`)
	} else {
		v.show(t, s.job, s.look)
		v.await(t, `['live', 'complete', 'refused'].includes($('.connection').dataset.kind)`)
	}
	v.press(t, s.keys...)
	if s.search != "" {
		v.search(t, s.search)
	}
	if strings.HasPrefix(s.job, "build") {
		v.await(t, `$('.elapsed').textContent !== ''`)
	}
	v.await(t, `frame().then(() => %s)`, s.until)
}

// TestViewerScenes shows the page in both themes, wide and narrow: axe finds no
// fault in it, and pictures are taken for people to look at.
func TestViewerScenes(t *testing.T) {
	t.Parallel()
	a, s := onSQLite(t, config{})
	(&viewer{app: a}).addScenery(t)
	folder := *shotsFlag
	if folder == "" {
		folder = t.ArtifactDir()
	}
	for _, engine := range []string{"chromium", "firefox"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			v := &viewer{a, newBrowser(t, engine), s}
			for _, scene := range scenes {
				if engine == "firefox" && !slices.Contains(inFirefox, scene.name) {
					continue
				}
				t.Run(scene.name, func(t *testing.T) {
					v.stage(t, scene)
					v.call(t, "screenshot", filepath.Join(folder, engine+"-"+scene.name+".png"))
					if scene.name == "failed-light" && *shownFlag != "" {
						v.call(t, "screenshot", *shownFlag)
					}
					v.isAccessible(t)
				})
			}
		})
	}
}

// addScenery adds the jobs of the scenes.
func (v *viewer) addScenery(t *testing.T) {
	t.Helper()
	v.addJob(t, "queued")
	v.setState(t, "queued", "queued")
	for i, job := range []struct{ id, state string }{
		{"nightly 2026-11-27", "completed"},
		{"a-job/with-a-name-that-is-longer-than-a-narrow-screen-is-wide-0f8e6c1d2b", "cancelled"},
		{"deploy-web-production", "queued"},
	} {
		v.addJob(t, job.id)
		v.setState(t, job.id, job.state)
		v.exec(t, insertEvent, job.id, "a line", "info", time.Now().Add(-time.Hour*time.Duration(30-14*i)).UnixMilli())
	}
	v.addBuild(t, "build-running")
	v.addBuild(t, "build-failed")
	v.fail(t, "build-failed")
}

// isAccessible lets axe look at the page.
func (v *viewer) isAccessible(t *testing.T) {
	t.Helper()
	axe, err := os.ReadFile("node_modules/axe-core/axe.min.js")
	if err != nil {
		t.Fatal(err)
	}
	v.call(t, "evaluate", string(axe))
	var report struct {
		Passes     int
		Violations []string
	}
	v.eval(t, &report, `axe.run({ resultTypes: ['violations'] }).then(({ passes, violations }) => ({
		passes: passes.length,
		violations: violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.html.slice(0, 200) + ': ' + n.failureSummary)),
	}))`)
	if len(report.Violations) > 0 || report.Passes < 10 {
		t.Errorf("%d rules hold, and these do not:\n%s", report.Passes, strings.Join(report.Violations, "\n"))
	}
}

// addBuild adds a job whose log is like those of builds.
func (v *viewer) addBuild(t *testing.T, job string) {
	t.Helper()
	v.addJob(t, job)
	at := time.Now().Add(-time.Minute).UnixMilli()
	add := func(severity, format string, args ...any) {
		at += 430
		v.exec(t, insertEvent, job, fmt.Sprintf(format, args...), severity, at)
	}
	add("notice", "Job queued by alice@example.com")
	add("info", "Runner linux-amd64-07 picked up the job")
	add("info", "::group::Set up Node.js 22")
	for i := range 6 {
		add("debug", "Downloading node-v22.%d.0-linux-x64.tar.xz \x1b[90m(%d %%)\x1b[0m", i, (i+1)*16)
	}
	add("info", "::endgroup::")
	add("info", "::group::npm ci, see https://example.com/docs/install")
	add("warn", "npm warn deprecated inflight@1.0.6: This module is not supported, and leaks memory.")
	for i := range 12 {
		add("info", "added %d packages, see https://www.npmjs.com/package/pkg-%d", i*37, i)
	}
	add("info", "::endgroup::")
	add("info", "section_start:%d:build\r\x1b[0K\x1b[36;1mBuild the application\x1b[0;m", at/1000)
	for i := range 10 {
		add("info", "\x1b[32m✓\x1b[39m \x1b[1msrc/components/Widget%d.tsx\x1b[22m \x1b[2m%d kB\x1b[22m \x1b[38;5;%dm▇▇▇▇▇\x1b[0m", i, i*13%90+4, i*9+20)
	}
	add("info", "section_end:%d:build\r\x1b[0K", at/1000)
	add("info", "Colours: \x1b[31mred \x1b[32mgreen \x1b[33myellow \x1b[34mblue \x1b[35mmagenta \x1b[36mcyan\x1b[0m \x1b[41m on red \x1b[0m \x1b[7minverse\x1b[0m \x1b[4munderlined\x1b[0m")
	add("info", "::group::Test")
	for i := range 8 {
		add("info", "\x1b[32m ✓ \x1b[0mcart > adds item %d \x1b[90m%dms\x1b[0m", i, i*3+1)
	}
	add("info", "A long line: %s", strings.Repeat("the quick brown fox jumps over the lazy dog ", 12))
	add("info", "tabs\tand\tünïcödé")
}

// fail ends such a job.
func (v *viewer) fail(t *testing.T, job string) {
	t.Helper()
	for _, l := range []struct{ severity, text string }{
		{"error", "AssertionError: expected total to equal 42, but got 41\n    at Cart.total (src/cart.ts:118:9)\n    at Object.<anonymous> (test/cart.test.ts:31:23)"},
		{"info", "Tests: \x1b[31m1 failed\x1b[0m, \x1b[32m8 passed\x1b[0m, 9 total"},
		{"info", "::endgroup::"},
		{"critical", "Process exited with code 1"},
	} {
		v.exec(t, insertEvent, job, l.text, l.severity, time.Now().UnixMilli())
	}
	v.setState(t, job, "failed")
}
