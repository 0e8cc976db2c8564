package e2e

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// host is a site of users' own, of another origin than the logs, with one page
// at a time.
type host struct {
	origin       string
	html, policy atomic.Value
}

func newHost(t *testing.T) *host {
	t.Helper()
	l := listen(t)
	h := &host{origin: "http://localhost:" + portOf(l)}
	server := httptest.NewUnstartedServer(h)
	_ = server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	return h
}

// ServeHTTP serves the page; it has no icon.
func (h *host) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/" {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", h.policy.Load().(string))
	_, _ = fmt.Fprintf(w, "<!doctype html>\n<html lang=\"en\">\n<title>Ours</title>\n<h1>Ours</h1>\n%s</html>\n", h.html.Load())
}

// show opens a page with some HTML, which a policy lets do nothing but what
// <job-log> needs: its origin's script and streams, and the snippet's style.
func (h *host) show(t *testing.T, v *viewer, origin, html string, l look) {
	t.Helper()
	h.html.Store(html)
	h.policy.Store(fmt.Sprintf("default-src 'none'; script-src %[1]s; connect-src %[1]s; style-src-attr 'unsafe-inline'; img-src 'self'; "+
		"require-trusted-types-for 'script'; trusted-types job-log", origin))
	_, name, _ := strings.Cut(origin, "//")
	l.Hosts = []string{name}
	v.browser.open(t, h.origin+"/", l)
}

// snippet is the HTML that the README has for pages of one's own, for a job.
func snippet(t *testing.T, origin, job string) string {
	t.Helper()
	return changed(t, snippets(t, "html")[0], "https://logs.example.com", origin, "/jobs/42/", "/jobs/"+job+"/")
}

// TestComponent has <job-log> in pages of another origin, and pages of logs that
// not everybody may see.
func TestComponent(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"chromium", "firefox"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			h := newHost(t)
			open, closed := config{binary: plainCaddy, jobs: "poll_interval 50ms", pages: h.origin}, guarded
			closed.pages = h.origin
			a, s := onSQLite(t, open)
			ga, gs := onSQLite(t, closed)
			b := newBrowser(t, engine, gs)
			v, g := &viewer{a, b, s}, &viewer{ga, b, gs}
			for _, test := range []struct {
				name string
				run  func(t *testing.T, v *viewer, h *host)
				v    *viewer
			}{
				{"live", componentLive, v},
				{"theme", componentTheme, v},
				{"two", componentTwo, v},
				{"moved", componentMoved, v},
				{"guest", componentGuest, v},
				{"foreign", componentForeign, v},
				{"credentials", componentCredentials, g},
				{"headers", componentHeaders, g},
				{"refused", accessRefused, g},
				{"list", accessList, g},
				{"expires", accessExpires, g},
				{"limited", accessLimited, g},
			} {
				t.Run(test.name, func(t *testing.T) { test.run(t, test.v, h) })
			}
		})
	}
}

// componentLive sees a job grow and end, and searches it by a pattern, for which
// there is no worker on a page of another origin.
func componentLive(t *testing.T, v *viewer, h *host) {
	const job = "live"
	v.addJob(t, job)
	v.log(t, job, 3, "line %d")
	h.show(t, v, v.s.http, snippet(t, v.s.http, job), look{})
	v.awaitLine(t, 3, "line 2")
	v.awaitState(t, "running", "live")
	v.await(t, `document.querySelector('job-log').offsetHeight === 480`)
	v.asked(t, 1)
	v.press(t, "/")
	v.await(t, `frame().then(() => root.activeElement === null)`) // keys are the page's
	v.log(t, job, 7, "more of line %d")
	v.awaitLine(t, 10, "more of line 6")
	v.click(t, `$('.port')`)
	v.press(t, "/")
	v.click(t, `$('[aria-label*="Regular expression"]')`)
	v.search(t, `e [1-3]$`)
	v.awaitFound(t, "1 of 5", 2, "e 1")
	v.press(t, "Enter")
	v.awaitFound(t, "2 of 5", 3, "e 2")
	v.search(t, `(e+)+$`) // which may take for ever where nothing can stop it
	v.await(t, `$('.search').classList.contains('error')`)
	v.setState(t, job, "completed")
	v.awaitState(t, "completed", "complete")
	v.isWhole(t, job)
}

// asked checks how many streams the page has asked for.
func (v *viewer) asked(t *testing.T, want int) {
	t.Helper()
	var streams, all []string
	v.decode(t, v.call(t, "requests"), &all)
	for _, r := range all {
		if strings.Contains(r, "/logs") {
			streams = append(streams, r)
		}
	}
	if len(streams) != want {
		t.Errorf("%s: the page asked for %q, want %d streams", v.engine, streams, want)
	}
}

// componentTheme has colours that the page sets, or the reader prefers.
func componentTheme(t *testing.T, v *viewer, h *host) {
	const job = "theme"
	v.addJob(t, job)
	v.exec(t, insertEvent, job, "\x1b[31mred", "info", eventTime)
	html := snippet(t, v.s.http, job)
	for _, l := range []look{{}, {Dark: true}} {
		h.show(t, v, v.s.http, html, l)
		v.awaitTheme(t, l.Dark)
		for _, dark := range []bool{!l.Dark, l.Dark} {
			v.do(t, `document.querySelector('job-log').setAttribute('theme', %v ? 'dark' : 'light')`, dark)
			v.awaitTheme(t, dark)
		}
		h.show(t, v, v.s.http, changed(t, html, "<job-log ", fmt.Sprintf("<job-log theme=%q ", theme(!l.Dark))), l)
		v.awaitTheme(t, !l.Dark)
		v.do(t, `document.querySelector('job-log').removeAttribute('theme')`)
		v.awaitTheme(t, l.Dark)
	}
}

func theme(dark bool) string {
	if dark {
		return "dark"
	}
	return "light"
}

// awaitTheme waits until the log and its colours are of a theme.
func (v *viewer) awaitTheme(t *testing.T, dark bool) {
	t.Helper()
	v.await(t, `(() => {
		const light = (c) => c.match(/\d+/g).slice(0, 3).reduce((a, b) => a + Number(b), 0) > 382
		const ground = light(getComputedStyle($('.app')).backgroundColor), red = getComputedStyle($('.row .m span')).color
		if (ground === %[1]v || getComputedStyle($('.app')).colorScheme !== %[2]q) throw new Error('it is not ' + %[2]q)
		return !%[1]v || Number(red.match(/\d+/)[0]) > 200
	})()`, dark, theme(dark))
}

// componentTwo has two jobs on a page.
func componentTwo(t *testing.T, v *viewer, h *host) {
	for _, job := range []string{"one", "two"} {
		v.addJob(t, job)
		v.log(t, job, 3, job+" %d")
	}
	_, second, _ := strings.Cut(snippet(t, v.s.http, "two"), "\n") // the script is there already
	h.show(t, v, v.s.http, snippet(t, v.s.http, "one")+second, look{})
	v.awaitLogs(t, "one 0 one 1 one 2", "two 0 two 1 two 2")
	v.log(t, "two", 1, "two and %d")
	v.awaitLogs(t, "one 0 one 1 one 2", "two 0 two 1 two 2 two and 0")
	v.log(t, "one", 1, "one and %d")
	v.setState(t, "two", "completed")
	v.awaitLogs(t, "one 0 one 1 one 2 one and 0", "two 0 two 1 two 2 two and 0")
	v.await(t, `[...document.querySelectorAll('job-log')].map((l) => l.shadowRoot.querySelector('.connection').textContent).join() === 'live,complete'`)
	v.asked(t, 2)
}

// componentGuest is in a page that has an address of its own.
func componentGuest(t *testing.T, v *viewer, h *host) {
	const job = "guest"
	v.addJob(t, job)
	v.log(t, job, 30, "line %d")
	html := changed(t, snippet(t, v.s.http, job), "<job-log ", `<base href="/elsewhere/"><job-log `)
	h.show(t, v, v.s.http, html, look{})
	v.awaitLine(t, 30, "line 29")
	v.do(t, `(() => { location.hash = '#L10' })()`)
	v.click(t, `$$('.row').at(-1).querySelector('.n a')`)
	v.awaitChosen(t, 30, 30)
	v.await(t, `location.hash === '#L10' && !location.pathname.includes('elsewhere')`)
	v.await(t, `$$('.menu a').every((a) => a.target === '_blank' && a.href.startsWith(%q))`, v.s.http)
	v.asked(t, 1)
}

// awaitLogs waits until the logs on the page are these.
func (v *viewer) awaitLogs(t *testing.T, logs ...string) {
	t.Helper()
	v.await(t, `(() => {
		const is = [...document.querySelectorAll('job-log')].map((l) => [...l.shadowRoot.querySelectorAll('.row .m')].map((m) => m.textContent).join(' ')).join('|')
		if (is !== %q) throw new Error('the logs are ' + is)
		return true
	})()`, strings.Join(logs, "|"))
}

// componentMoved takes the element away, and adds it again, and gives it another
// job: its stream ends, each time.
func componentMoved(t *testing.T, v *viewer, h *host) {
	for _, job := range []string{"moved", "other"} {
		v.addJob(t, job)
		v.log(t, job, 3, job+" %d")
	}
	h.show(t, v, v.s.http, snippet(t, v.s.http, "moved"), look{})
	v.awaitLogs(t, "moved 0 moved 1 moved 2")
	v.do(t, `(() => { window.kept = document.querySelector('job-log'); kept.remove() })()`)
	v.s.awaitLeft(t, "moved", 1)
	v.log(t, "moved", 2, "meanwhile %d")
	v.do(t, `document.body.append(kept)`)
	v.awaitLogs(t, "moved 0 moved 1 moved 2 meanwhile 0 meanwhile 1")
	v.log(t, "moved", 1, "again %d")
	v.awaitLogs(t, "moved 0 moved 1 moved 2 meanwhile 0 meanwhile 1 again 0")
	v.do(t, `kept.setAttribute('src', %q)`, v.page("other")+"/logs")
	v.awaitLogs(t, "other 0 other 1 other 2")
	v.s.awaitLeft(t, "moved", 2)
	v.do(t, `kept.removeAttribute('src')`)
	v.awaitLogs(t, "")
	v.s.awaitLeft(t, "other", 1)
	v.asked(t, 3)
}

// awaitLeft waits until so many viewers of a job have hung up.
func (s *server) awaitLeft(t *testing.T, job string, n int) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; wait(t.Context(), 10*time.Millisecond) {
		left := 0
		for line := range strings.Lines(s.logged(t)) {
			if strings.Contains(line, `"msg":"stream ended"`) && strings.Contains(line, fmt.Sprintf(`"job":%q`, job)) && strings.Contains(line, `"reason":"hung up"`) {
				left++
			}
		}
		if left >= n {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d viewers of %s have left, want %d", left, job, n)
		}
	}
}

// componentForeign is on a page whose origin is not in cors.
func componentForeign(t *testing.T, v *viewer, _ *host) {
	const job = "foreign"
	v.addJob(t, job)
	v.log(t, job, 3, "line %d")
	h := newHost(t)
	h.show(t, v, v.s.http, snippet(t, v.s.http, job), look{expected: blocked})
	const reason = "the server does not answer, or lets no page of this origin read the log"
	v.await(t, `/^reconnecting in \d+ s$/.test($('.connection').textContent)`)
	v.awaitText(t, ".empty", reason)
	v.awaitText(t, ".badge", "unavailable")
	v.await(t, `$$('.row').length === 0 && !$('.again').hidden`)
}

// componentCredentials sends a cookie to the logs' origin if it is told to, and
// only then.
func componentCredentials(t *testing.T, v *viewer, h *host) {
	const job = "hers"
	v.addJob(t, job)
	v.log(t, job, 3, "line %d")
	html := snippet(t, v.s.http, job)
	h.show(t, v, v.s.http, html, look{expected: refused})
	v.letIn(t, time.Minute)
	v.awaitRefused(t, needsToken)
	v.click(t, `$('.again')`)
	v.awaitRefused(t, needsToken)
	h.show(t, v, v.s.http, changed(t, html, "<job-log ", `<job-log credentials="include" `), look{expected: refused})
	v.awaitRefused(t, needsToken) // the browser forgets the cookie with the page
	v.letIn(t, time.Minute)
	v.click(t, `$('.again')`)
	v.awaitLine(t, 3, "line 2")
	v.awaitState(t, "running", "live")
}

// componentHeaders sends a token, and a fresh one when it has expired: what the
// reader has before them stays, and goes on.
func componentHeaders(t *testing.T, v *viewer, h *host) {
	const job = "nightly-headers"
	v.addJob(t, job)
	v.log(t, job, 3, "line %d")
	h.show(t, v, v.s.http, snippet(t, v.s.http, job), look{expected: refused})
	v.awaitRefused(t, needsToken)
	v.present(t, 12*time.Second)
	v.awaitLine(t, 3, "line 2")
	v.click(t, `$('.port')`)
	v.search(t, "line 1")
	v.awaitFound(t, "1 of 1", 2, "line 1")
	v.awaitState(t, "running", "access expired")
	v.log(t, job, 2, "meanwhile %d")
	v.present(t, time.Minute)
	v.awaitLine(t, 5, "meanwhile 1")
	v.awaitState(t, "running", "live")
	v.awaitFound(t, "1 of 1", 2, "line 1")
	v.present(t, time.Minute)
	v.log(t, job, 1, "it goes on %d")
	v.awaitLine(t, 6, "it goes on 0")
	v.asked(t, 3)
	v.isWhole(t, job)
}

// present has the element send a token that lets in for some time.
func (v *viewer) present(t *testing.T, left time.Duration) {
	t.Helper()
	v.do(t, `(() => { document.querySelector('job-log').headers = { Authorization: 'Bearer %s' } })()`, pass(t, left))
}
