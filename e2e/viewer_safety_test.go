package e2e

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// payloads are texts that want to be more than text.
var payloads = []string{
	`<script>alert(1)</script>`,
	`<img src=x onerror=alert(2)>`,
	`"><svg onload=alert(3)>`,
	`'"--><iframe srcdoc="<script>parent.alert(4)</script>"></iframe>`,
	`javascript:alert(5) https://example.com/"onmouseover="alert(6)`,
	"\x1b]8;;javascript:alert(7)\x07link\x1b]8;;\x07 \x1b[31;background:url(//example.com)m",
	`::group::<b onclick=alert(8)>`,
	"section_start:1:a\r\x1b[0K<style>*{display:none}</style>",
	`{{constructor.constructor('alert(9)')()}} ${alert(10)} </textarea></title></template>`,
}

// viewHostile has payloads in every field: each is shown as the text that it is,
// and nothing more comes of it.
func viewHostile(t *testing.T, v *viewer) {
	job := strings.ReplaceAll(payloads[1], "/", "")
	v.addJob(t, job)
	v.log(t, job, 1, payloads[6]) // a group begins
	for i, text := range payloads {
		v.exec(t, insertEvent, job, text, payloads[(i+1)%len(payloads)], eventTime)
	}
	v.setState(t, job, payloads[2])
	v.show(t, job)
	v.await(t, `$$('.row').length >= %d`, len(payloads)-1)
	v.awaitState(t, payloads[2], "live")
	v.await(t, `document.querySelector('h1').textContent === %q && document.title === %q`, job, job+" · "+payloads[2])
	v.harmless(t)
	for _, i := range []int{0, 1, 2, 3, 4, 8} {
		v.await(t, `$$('.row .m').some((m) => m.textContent === %q)`, payloads[i])
	}
	v.press(t, "/")
	v.call(t, "type", payloads[0]) // into the search, which marks it
	v.await(t, `$$('mark').map((m) => m.textContent).join('') === %q`, payloads[0])
	v.harmless(t)
	v.await(t, `(location.hash = '#L1"><img src=x onerror=alert(11)>') && frame().then(() => true)`)
	v.setState(t, job, "failed")
	v.awaitState(t, "failed", "complete")
	v.harmless(t)
}

// viewPlace opens a page whose path does not end with the job's id.
func viewPlace(t *testing.T, v *viewer) {
	job := payloads[1] + "/100%"
	v.addJob(t, job)
	v.log(t, job, 1, "line %d")
	v.browser.open(t, v.s.http+"/builds/"+url.PathEscape(job)+"/view")
	v.awaitState(t, "running", "live")
	v.await(t, `document.querySelector('h1').textContent === %q && document.title === %q`, job, job+" · running")
	v.await(t, `document.querySelector('job-log').getAttribute('job') === %q && $('.menu a').download === '_img_src_x_onerror_alert_2_100_.log'`, job)
	v.harmless(t)
}

// harmless checks that the page has no element, attribute or link that payloads
// ask for.
func (v *viewer) harmless(t *testing.T) {
	t.Helper()
	var foreign []string
	v.eval(t, &foreign, `(async () => {
		await frame()
		const all = [...document.body.querySelectorAll('*'), ...(root.host ? root.querySelectorAll('*') : [])]
		const known = new Set(%q.split(' '))
		const bad = (e) => !known.has(e.localName) || [...e.attributes].some((a) => a.name.startsWith('on') || a.name === 'srcdoc') ||
			(e.href && !/^https?:/.test(e.href))
		return all.filter(bad).map((e) => e.outerHTML.slice(0, 200))
	})()`, "main job-log h1 noscript div span a button svg path input output select option slot details summary dialog h2 dl dt dd kbd p mark header table thead tbody tr th td time")
	if len(foreign) > 0 {
		t.Errorf("%s: the page has %q", v.engine, foreign)
	}
}

// viewPolicy does in the page what an attacker would who got something into it:
// the policy stops it, and the tests would be told.
func viewPolicy(t *testing.T, v *viewer) {
	resp := v.s.open(t, http.MethodGet, "/jobs/first", "")
	_ = resp.Body.Close()
	policy := resp.Header.Get("Content-Security-Policy")
	if strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") || !strings.Contains(policy, "script-src 'sha256-") {
		t.Errorf("the policy is %q", policy)
	}
	v.call(t, "open", v.page("first")) // whose problems are what is wanted
	v.eval(t, new(bool), `(() => {
		const image = document.createElement('img'), script = document.createElement('script')
		image.src = 'https://example.com/image'
		script.append('alert("attack")')
		document.body.append(image, script)
		try { document.body.innerHTML = '<img src=x onerror=alert("attack")>' } catch { return true }
		return false
	})()`)
	for _, directive := range []string{"img-src", "require-trusted-types-for"} {
		v.call(t, "problem", "securitypolicyviolation: "+directive, patience.Milliseconds())
	}
	if problems := v.problems(t); slices.ContainsFunc(problems, func(p string) bool { return strings.HasPrefix(p, "dialog") }) {
		t.Errorf("%s: %q", v.engine, problems)
	}
}
