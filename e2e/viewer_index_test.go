package e2e

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// showIndex opens the page of recent jobs.
func (v *viewer) showIndex(t *testing.T, looks ...look) {
	t.Helper()
	v.browser.open(t, v.s.http+"/jobs/", looks...)
}

// awaitJob waits until the index has a job in a state.
func (v *viewer) awaitJob(t *testing.T, job, state, mood string) {
	t.Helper()
	v.await(t, `(() => {
		const row = $$('tbody tr').find((r) => r.querySelector('td').textContent === %q), badge = row?.querySelector('.badge')
		if (badge?.textContent !== %q || badge.dataset.mood !== %q) throw new Error('the row is ' + row?.outerHTML)
		return true
	})()`, job, state, mood)
}

// follow clicks the link to a job.
func (v *viewer) follow(t *testing.T, job string) {
	t.Helper()
	link, address := fmt.Sprintf(`$$('td a').find((a) => a.textContent === %q)`, job), ""
	v.eval(t, &address, "%s", link+".href")
	v.click(t, link)
	v.arrive(t, address)
}

// viewIndex sees recent jobs come and end, and goes from there to their pages.
func viewIndex(t *testing.T, v *viewer) {
	for job, state := range map[string]string{"index-first": "running", "index-failed": "failed", "index-done": "completed"} {
		v.addJob(t, job)
		v.log(t, job, 3, job+" %d")
		v.setState(t, job, state)
	}
	v.showIndex(t)
	v.awaitJob(t, "index-first", "running", "running")
	v.awaitJob(t, "index-failed", "failed", "bad")
	v.awaitJob(t, "index-done", "completed", "good")
	v.addJob(t, "index-new")
	v.log(t, "index-new", 1, "news")
	v.setState(t, "index-first", "completed")
	v.awaitJob(t, "index-new", "running", "running")
	v.awaitJob(t, "index-first", "completed", "good")
	v.await(t, `$('tbody tr td').textContent === 'index-new'`) // it wrote last
	v.await(t, `$('.trouble').offsetHeight === 0 && $('output').textContent === String($$('tbody tr').length)`)
	v.follow(t, "index-first")
	v.awaitLine(t, 3, "index-first 2")
}

// viewIndexKeys finds a job without a mouse.
func viewIndexKeys(t *testing.T, v *viewer) {
	v.addJob(t, "index-keys")
	v.log(t, "index-keys", 3, "line %d")
	v.showIndex(t)
	v.awaitJob(t, "index-keys", "running", "running")
	v.press(t, "/")
	v.call(t, "type", "no such job")
	v.awaitText(t, ".empty", "No job matches.")
	v.press(t, "Escape")
	v.await(t, `$('.empty').hidden && $('input').value === ''`)
	v.call(t, "type", "INDEX-KEYS run")
	v.await(t, `$$('tbody tr:not([hidden])').length === 1 && $('output').textContent.startsWith('1 of ')`)
	v.press(t, "Tab")
	v.await(t, `document.activeElement.textContent === 'index-keys' && document.activeElement.matches('td a:focus-visible')`)
	v.press(t, "Enter")
	v.arrive(t, v.page("index-keys"))
	v.awaitLine(t, 3, "line 2")
}

// viewIndexHostile has payloads as ids and states of jobs, and ids that lead
// elsewhere.
func viewIndexHostile(t *testing.T, v *viewer) {
	var jobs []string
	for i, id := range slices.Concat(payloads, []string{".", "..", "/", "//example.com", "a?b#c"}) {
		v.exec(t, `INSERT INTO vibe_tasks (task_id, execution_state) VALUES ($1, $2) ON CONFLICT DO NOTHING`, id, payloads[(i+1)%len(payloads)])
		v.exec(t, insertEvent, id, payloads[i%len(payloads)], "info", eventTime)
		if !strings.ContainsAny(id, "\x1b\r") { // there can be no such job
			jobs = append(jobs, id)
		}
	}
	v.showIndex(t)
	for _, id := range jobs {
		link := ""
		if strings.Trim(id, ".") != "" {
			link = v.s.http + "/jobs/" + url.PathEscape(id)
		}
		v.await(t, `(() => {
			const cell = $$('tbody td:first-child').find((c) => c.textContent === %q), same = (a, b) => decodeURIComponent(a) === decodeURIComponent(b)
			if (!same(cell?.querySelector('a')?.href ?? '', %q)) throw new Error('it is ' + cell?.outerHTML)
			return true
		})()`, id, link)
	}
	v.harmless(t)
	v.await(t, `$$('td').every((c) => !/[\x1b\r]/.test(c.textContent) || c.querySelector('.badge'))`)
	v.press(t, "/")
	v.call(t, "type", payloads[0])
	v.await(t, `$$('tbody tr:not([hidden])').length >= 1 && $$('tbody tr:not([hidden]) td').some((c) => c.textContent === %q)`, payloads[0])
	v.harmless(t)
	v.follow(t, payloads[0])
	v.await(t, `document.querySelector('h1').textContent === %q && $('.row .m').textContent === %[1]q`, payloads[0])
	v.harmless(t)
}
