package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// browser is a browser that shows the page jobs_viewer, one at a time, and does
// to it what readers do.
type browser struct {
	engine  string
	stdin   io.Writer
	answers chan answer
	ended   chan struct{} // closed when its driver prints no more
}

type answer struct {
	Value json.RawMessage `json:"value"`
	Error string          `json:"error"`
}

// newBrowser starts chromium or firefox until the test ends, which may trust a
// server's local CA.
func newBrowser(t *testing.T, engine string, trusted ...*server) *browser {
	t.Helper()
	home := t.TempDir()
	for _, s := range trusted {
		s.trusted(t, filepath.Join(home, nssdbs[engine]))
	}
	cmd := exec.Command("node", "clients/viewer.mjs", engine, home)
	cmd.Env = append(os.Environ(), "HOME="+home, "CHROMIUM="+lookPath(t, "chromium"), "FIREFOX="+lookPath(t, "firefox-esr"))
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{engine: engine, stdin: stdin, answers: make(chan answer, 1), ended: make(chan struct{})}
	runClient(t, newTranscript(engine), cmd, func(stdout io.Reader) {
		defer close(b.ended)
		lines := bufio.NewScanner(stdout)
		lines.Buffer(nil, 16<<20)
		for lines.Scan() {
			var a answer
			if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
				a.Error = err.Error()
			}
			b.answers <- a
		}
	})
	t.Cleanup(func() { _ = stdin.Close() }) // the driver ends the browser, and then itself
	return b
}

// nssdbs are where in their homes browsers have whom they trust.
var nssdbs = map[string]string{"chromium": ".pki/nssdb", "firefox": ""}

func lookPath(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// call lets the driver do something, and returns what came of it.
func (b *browser) call(t *testing.T, name string, args ...any) json.RawMessage {
	t.Helper()
	line, err := json.Marshal(append([]any{name}, args...))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.stdin.Write(append(line, '\n')); err != nil {
		t.Fatalf("%s: %v", b.engine, err)
	}
	deadline := time.NewTimer(2 * patience) // the driver's own is over before
	defer deadline.Stop()
	select {
	case a := <-b.answers:
		if a.Error != "" {
			t.Fatalf("%s: %s %.300q: %s", b.engine, name, args, a.Error)
		}
		return a.Value
	case <-b.ended:
		t.Fatalf("%s: its driver ended at %s %.300q", b.engine, name, args)
	case <-deadline.C:
		t.Fatalf("%s: no answer to %s %.300q", b.engine, name, args)
	}
	return nil
}

// look is how a page is opened.
type look struct {
	Width  int  `json:"width,omitempty"`
	Height int  `json:"height,omitempty"`
	Dark   bool `json:"dark,omitempty"`
	Clock  bool `json:"clock,omitempty"` // the page's can be put forward
	// Hosts are those that it may ask for something, besides its own.
	Hosts []string `json:"hosts,omitempty"`
	// expected are problems that are none.
	expected *regexp.Regexp
	Touch    bool `json:"touch,omitempty"`  // by fingers, on a phone
	Still    bool `json:"still,omitempty"`  // nothing is to move
	Forced   bool `json:"forced,omitempty"` // all colours are the reader's own
}

// open shows an address, until the test or its part ends; then nothing must
// have happened that must not: an error, a dialog, a violation of the policy, a
// request to another host. How networks fail is no problem of the page.
func (b *browser) open(t *testing.T, address string, looks ...look) {
	t.Helper()
	b.call(t, "open", append([]any{address}, anys(looks)...)...)
	t.Cleanup(func() {
		select {
		case <-b.ended:
			return // which is told already
		default:
		}
		for _, problem := range b.problems(t) {
			if !offline.MatchString(problem) && !slices.ContainsFunc(looks, func(l look) bool { return l.expects(problem) }) {
				t.Errorf("%s: %s", b.engine, problem)
			}
		}
	})
}

func (l look) expects(problem string) bool {
	return l.expected != nil && l.expected.MatchString(problem)
}

// offline is what Chromium says of a server that is killed.
var offline = regexp.MustCompile(`^Failed to load resource: net::ERR_`)

func anys[T any](list []T) (all []any) {
	for _, v := range list {
		all = append(all, v)
	}
	return all
}

// problems are what the page has done until now that it must not do.
func (b *browser) problems(t *testing.T) (all []string) {
	t.Helper()
	b.decode(t, b.call(t, "problems"), &all)
	return all
}

func (b *browser) decode(t *testing.T, value json.RawMessage, to any) {
	t.Helper()
	if err := json.Unmarshal(value, to); err != nil {
		t.Fatalf("%s: %s: %v", b.engine, value, err)
	}
}

// eval decodes what an expression of the page is. It has $ and $$ for elements
// of the log.
func (b *browser) eval(t *testing.T, to any, expression string, args ...any) {
	t.Helper()
	b.decode(t, b.call(t, "eval", fmt.Sprintf(expression, args...)), to)
}

// do evaluates an expression of the page for what it does.
func (b *browser) do(t *testing.T, expression string, args ...any) {
	t.Helper()
	b.call(t, "eval", fmt.Sprintf(expression, args...))
}

// await waits until an expression of the page is true.
func (b *browser) await(t *testing.T, expression string, args ...any) {
	t.Helper()
	b.call(t, "await", fmt.Sprintf(expression, args...), patience.Milliseconds())
}

// awaitText waits until the text of an element is this.
func (b *browser) awaitText(t *testing.T, selector, text string) {
	t.Helper()
	b.await(t, `(() => {
		const is = $(%q)?.textContent
		if (is !== %q) throw new Error('the text is ' + is)
		return true
	})()`, selector, text)
}

// press presses keys, which have names of one character but for some.
func (b *browser) press(t *testing.T, keys ...string) {
	t.Helper()
	for _, key := range keys {
		b.call(t, "press", key)
	}
}

// click clicks an element with the mouse.
func (b *browser) click(t *testing.T, element string) {
	t.Helper()
	b.call(t, "click", element)
}

// hover moves the mouse onto an element.
func (b *browser) hover(t *testing.T, element string) {
	t.Helper()
	b.call(t, "hover", element)
}

// tap touches an element with a finger.
func (b *browser) tap(t *testing.T, element string) {
	t.Helper()
	b.call(t, "tap", element)
}

// clipboard is what was copied.
func (b *browser) clipboard(t *testing.T) (text string) {
	t.Helper()
	b.eval(t, &text, "navigator.clipboard.readText()")
	return text
}

// numbers are the numbers of the rows that can be seen in whole.
func (b *browser) numbers(t *testing.T) (all []int) {
	t.Helper()
	b.eval(t, &all, `(async () => {
		await frame()
		const port = $('.port').getBoundingClientRect()
		return $$('.row').filter((r) => {
			const { top, bottom } = r.getBoundingClientRect()
			return top >= port.top - 1 && bottom <= port.bottom + 1
		}).map((r) => Number(r.querySelector('.n a').dataset.n))
	})()`)
	return all
}

// arrive waits until a link has led to an address.
func (b *browser) arrive(t *testing.T, address string) {
	t.Helper()
	b.call(t, "arrive", address, patience.Milliseconds())
}

// text is all of the log, from its first row to its last as a reader scrolls.
func (b *browser) text(t *testing.T) string {
	t.Helper()
	var lines []string
	b.eval(t, &lines, `(async () => {
		const port = $('.port'), lines = []
		port.scrollTop = 0
		for (let before = -1; ;) {
			await frame()
			for (const r of $$('.row')) lines[r.dataset.line] = r.querySelector('.m').textContent
			before = port.scrollTop
			port.scrollTop += port.clientHeight / 2
			if (port.scrollTop === before) return lines
		}
	})()`)
	return strings.Join(lines, "\n")
}
