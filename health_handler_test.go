package caddyjobs

import (
	"net/http"
	"testing"
)

// TestHealth asks how things are where all, some and none of the stores answer.
// Nobody watches.
func TestHealth(t *testing.T) {
	const (
		good = "store sqlite good {\n path {db}\n }\n"
		gone = "store postgres gone {\n dsn postgres://nobody:secret@127.0.0.1:1/none\n }\n"
		lost = "store sqlite lost {\n path /dev/null/jobs.db\n }\n"
	)
	for name, c := range map[string]struct {
		stores, body string
		status       int
	}{
		"ok":       {good, `{"status":"ok","stores":{"good":{"status":"up"}}}`, http.StatusOK},
		"degraded": {good + gone, `{"status":"degraded","stores":{"gone":{"status":"down"},"good":{"status":"up"}}}`, http.StatusOK},
		"down":     {gone + lost, `{"status":"down","stores":{"gone":{"status":"down"},"lost":{"status":"down"}}}`, http.StatusServiceUnavailable},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "jobs {\n "+c.stores+" }\n", "jobs_health {\n ready /up\n}\nrespond next 299\n")
			for range 3 {
				var st *stream
				eventually(t, "ready: "+c.body, func() bool { // a store may be late for an answer
					st = s.get(t, "/up")
					return st.rest() == c.body+"\n" && st.status == c.status
				})
				for name, want := range map[string]string{"Cache-Control": "no-store", "Content-Type": "application/json"} {
					if got := st.header.Get(name); got != want {
						t.Errorf("%s is %q", name, got)
					}
				}
			}
			if st := s.get(t, "/livez"); st.status != http.StatusOK || st.rest() != `{"status":"ok"}`+"\n" {
				t.Errorf("live: %d", st.status)
			}
			eventually(t, "HEAD", func() bool {
				st := s.open(t, http.MethodHead, "/up", "")
				return st.status == c.status && st.rest() == ""
			})
			if st := s.get(t, "/readyz"); st.status != 299 {
				t.Errorf("another path: %d", st.status)
			}
			if st := s.open(t, http.MethodPost, "/up", "x"); st.status != 299 {
				t.Errorf("POST: %d", st.status)
			}
		})
	}
}
