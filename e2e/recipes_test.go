package e2e

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// cheapHashes are of ann's password, `correct horse`, and of bob's, `battery
// staple`. The README's costs as much as it should, and too much for a test.
const cheapHashes = "ann $2a$04$hb9g6OaSGCnZncDjIQMyq.iW37jgWzdcX8OJWzOcYxnjws/4kSrWu\n" +
	"bob $2a$04$rRHMQubfcgnPwWRsfUxJIOvnrNY4OSboV0JUFbYYmdNJOdiSRXHDe\n"

// shownHash is the user of the README.
var shownHash = regexp.MustCompile(`ann \$2a\$14\$\S+\n`)

// caddyfiles are those that the README shows.
func caddyfiles(t *testing.T) []string {
	t.Helper()
	return snippets(t, "caddyfile")
}

// snippets are the texts in a language that the README shows.
func snippets(t *testing.T, language string) (texts []string) {
	t.Helper()
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile("(?ms)^```"+language+"\n(.*?)^```").FindAllStringSubmatch(string(readme), -1) {
		texts = append(texts, m[1])
	}
	if len(texts) == 0 {
		t.Fatalf("the README shows no %s", language)
	}
	return texts
}

// recipe is the one Caddyfile of the README that has all the texts.
func recipe(t *testing.T, texts ...string) string {
	t.Helper()
	var found []string
	for _, shown := range caddyfiles(t) {
		missing := false
		for _, text := range texts {
			missing = missing || !strings.Contains(shown, text)
		}
		if !missing {
			found = append(found, shown)
		}
	}
	if len(found) != 1 {
		t.Fatalf("the README has %d Caddyfiles with %q, want one", len(found), texts)
	}
	return found[0]
}

// changed is a text with texts replaced, each of which it must have.
func changed(t *testing.T, text string, oldnew ...string) string {
	t.Helper()
	for i := 0; i < len(oldnew); i += 2 {
		if !strings.Contains(text, oldnew[i]) {
			t.Fatalf("there is no %q in\n%s", oldnew[i], text)
		}
		text = strings.ReplaceAll(text, oldnew[i], oldnew[i+1])
	}
	return text
}

// startRecipe runs a Caddyfile of the README, on the tables of an application
// that knows its jobs' owners, with variables in its environment.
func startRecipe(t *testing.T, a *app, text string, env ...string) *server {
	t.Helper()
	plain, secure := listen(t), listen(t)
	s := &server{
		http: "http://localhost:" + portOf(plain), https: "https://localhost:" + portOf(secure),
		home: t.TempDir(), env: env,
	}
	if !strings.HasPrefix(text, "{") {
		text = "{\n\tjobs {\n\t}\n}\n\n" + text
	}
	owned := strings.TrimSuffix(a.store, "}") + "jobs {\n owner tenant_id\n }\n }"
	text = changed(t, shownHash.ReplaceAllLiteralString(text, cheapHashes),
		"{\n\tjobs {\n", "{\n\tadmin off\n\tpersist_config off\n\tskip_install_trust\n\tauto_https disable_redirects\n"+
			"\tservers {\n\t\tprotocols h1 h2\n\t}\n\tjobs {\n\t\tparking "+*parkingFlag+"\n\t\theartbeat 1s\n\t\t"+owned+"\n",
		"logs.example.com {\n", s.https+" {\n\tbind fd/4\n\ttls internal\n")
	text += fmt.Sprintf("\n%s {\n\tbind fd/3\n\trespond /ping pong\n}\n", s.http)
	if err := os.WriteFile(s.caddyfile(), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	s.run(t, raceCaddy, []net.Listener{plain, secure}, "run", "--config", s.caddyfile())
	s.connect(t)
	return s
}

func (s *server) caddyfile() string { return filepath.Join(s.home, "Caddyfile") }

// addJobOf adds a job with three lines that somebody owns.
func (a *app) addJobOf(t *testing.T, owner, job string) {
	t.Helper()
	a.addJob(t, job)
	a.give(t, job, owner)
	a.log(t, job, 3, job+" line %d")
}

// give says whom a job belongs to from now on.
func (a *app) give(t *testing.T, job, owner string) {
	t.Helper()
	a.exec(t, `UPDATE vibe_tasks SET tenant_id = $2 WHERE task_id = $1`, job, owner)
}

// sees asks once for a job's log, and checks the status, and that lines came
// if and only if it is 200.
func (s *server) sees(t *testing.T, status int, path string, headers ...string) (body string) {
	t.Helper()
	got, body := s.do(t, "GET", s.https+path, "", headers...)
	if lines := strings.Contains(body, " line 2"); got != status || lines != (status == 200) {
		t.Errorf("GET %s %.60q: %d %q, want %d", path, headers, got, body, status)
	}
	return body
}

// logged is what the server has logged.
func (s *server) logged(t *testing.T) string {
	t.Helper()
	log, err := os.ReadFile(s.log)
	if err != nil {
		t.Fatal(err)
	}
	return string(log)
}
