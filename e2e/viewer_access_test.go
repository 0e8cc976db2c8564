package e2e

import (
	"io"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// guarded has a server ask for tokens, let one viewer watch a job, and refuse
// some logs as what is before jobs_logs may.
var guarded = config{
	binary: plainCaddy,
	jobs:   "limits {\n per_job 1\n }",
	logs:   "tokens {\n key HS256 \"" + tokenKey + "\"\n audience logs\n }",
	site: `handle /jobs/secret/logs {
		respond "ask Alice for access" 403
	}
	handle /jobs/closed/logs {
		header Content-Type text/html
		respond "<h1>Forbidden</h1>" 403
	}
	handle /jobs/portal/logs {
		redir * /page.html
	}
	handle /jobs/_viewer/recent.json {
		redir * /page.html
	}`,
}

const needsToken = "a token is needed: as Authorization: Bearer, or in its cookie; it is missing, not valid, or has expired"

// What browsers say of answers that a page may not read, and what Chromium says
// of refusals.
var (
	blocked = regexp.MustCompile(`blocked by CORS policy|^Cross-Origin Request Blocked`)
	refused = regexp.MustCompile(`^Failed to load resource: the server responded with a status of 40[134] `)
)

// awaitRefused waits until the page says why it shows nothing, and that the
// reader may try again.
func (v *viewer) awaitRefused(t *testing.T, reason string) {
	t.Helper()
	v.awaitText(t, ".empty", reason)
	v.awaitText(t, ".badge", "unavailable")
	v.await(t, `!$('.again').hidden && $$('.row').length === 0`)
}

// pass is a cookie's value that lets in for some time.
func pass(t *testing.T, left time.Duration) string {
	t.Helper()
	return token(t, jwt.SigningMethodHS256, []byte(tokenKey), jwt.MapClaims{"exp": time.Now().Add(left).Unix()})
}

// letIn has the browser keep such a cookie.
func (v *viewer) letIn(t *testing.T, left time.Duration) {
	t.Helper()
	v.call(t, "cookie", v.s.https, "__Host-jobs", pass(t, left))
}

// restless does what has a page come again that waits to: the network is back,
// and in Chromium time passes. It must have asked for so many streams, and no more.
func (v *viewer) restless(t *testing.T, streams int) {
	t.Helper()
	v.do(t, `dispatchEvent(new Event('online'))`)
	if v.engine == "chromium" {
		v.call(t, "forward", 600_000)
	}
	v.do(t, `frame()`)
	v.asked(t, streams)
}

// accessRefused opens pages whose logs are refused for good.
func accessRefused(t *testing.T, v *viewer, _ *host) {
	for job, reason := range map[string]string{
		"his":    needsToken,
		"secret": "ask Alice for access",
		"closed": "The server refuses, with status 403.",
		"portal": "What answers is no log: a page to log in, perhaps.",
	} {
		v.browser.open(t, v.s.https+"/jobs/"+job, look{Clock: v.engine == "chromium", expected: refused})
		v.awaitRefused(t, reason)
		v.restless(t, 1)
	}
	v.addJob(t, "his")
	v.browser.open(t, v.s.https+"/jobs/his", look{expected: refused})
	v.awaitRefused(t, needsToken)
	v.letIn(t, time.Minute)
	v.click(t, `$('.again')`)
	v.awaitRefused(t, "there is no such job")
}

// accessList asks for the recent jobs, and gets a page to log in.
func accessList(t *testing.T, v *viewer, _ *host) {
	v.browser.open(t, v.s.https+"/jobs/", look{})
	v.awaitText(t, ".trouble > :first-child", "what answers is no list of jobs: a page to log in, perhaps")
	v.await(t, `$('table').hidden && $('.empty').hidden`)
}

// accessExpires has a token end beneath a page: it says so, waits until the
// reader tries again, and goes on where it was once there is a new one.
func accessExpires(t *testing.T, v *viewer, _ *host) {
	const job = "nightly-expires"
	v.addJob(t, job)
	v.log(t, job, 3, "line %d")
	v.browser.open(t, v.s.https+"/jobs/"+job, look{Clock: v.engine == "chromium", expected: refused})
	v.awaitRefused(t, needsToken)
	v.letIn(t, 12*time.Second)
	v.click(t, `$('.again')`)
	v.awaitLine(t, 3, "line 2")
	v.awaitState(t, "running", "access expired")
	v.await(t, `!$('.again').hidden && $('.spoken').textContent.includes('expired')`)
	v.restless(t, 2)
	v.log(t, job, 2, "meanwhile %d")
	v.click(t, `$('.again')`) // with the old one
	v.awaitState(t, "running", "access expired")
	v.restless(t, 3)
	v.letIn(t, time.Minute)
	v.click(t, `$('.again')`)
	v.awaitLine(t, 5, "meanwhile 1")
	v.awaitState(t, "running", "live")
	v.await(t, `$('.again').hidden`)
	v.isWhole(t, job)
	v.asked(t, 4)
}

// accessLimited comes when there are as many viewers as may be.
func accessLimited(t *testing.T, v *viewer, _ *host) {
	const job = "nightly-limited"
	v.addJob(t, job)
	v.log(t, job, 3, "line %d")
	first := v.s.open(t, http.MethodGet, v.s.https+"/jobs/"+job+"/logs", "", "Cookie", "__Host-jobs="+pass(t, time.Minute))
	defer first.Body.Close()
	if _, err := io.ReadFull(first.Body, make([]byte, 100)); err != nil {
		t.Fatal(err)
	}
	v.browser.open(t, v.s.https+"/jobs/"+job, look{expected: refused})
	v.awaitRefused(t, needsToken)
	v.letIn(t, time.Minute)
	v.click(t, `$('.again')`)
	v.awaitRefused(t, "this job has as many viewers as may be")
	v.await(t, `/^reconnecting in ([5-9]|1[0-8]) s$/.test($('.connection').textContent)`)
	_ = first.Body.Close()
	v.s.awaitLeft(t, job, 1)
	v.click(t, `$('.again')`)
	v.awaitLine(t, 3, "line 2")
	v.awaitState(t, "running", "live")
}
