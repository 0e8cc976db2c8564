package oracle

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
)

// terminateIdle ends the sessions of readers that do nothing, as firewalls and
// timeouts of servers do.
func (s *scenario) terminateIdle(t *testing.T) {
	if err := s.insist(t.Context(), func(ctx context.Context, conn *sql.Conn) error {
		_, err := conn.ExecContext(ctx, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE application_name LIKE 'caddyjobs%' AND state = 'idle' AND datname = current_database()`)
		return err
	}); err != nil {
		t.Errorf("ending idle sessions: %v", err)
	}
}

// callAll makes calls to both nodes, each of which must succeed, unless the node
// is down.
func (s *scenario) callAll(t *testing.T) {
	client, closeIdle := newClient()
	defer closeIdle()
	for _, n := range s.nodes {
		for _, c := range []struct{ method, path, body string }{
			{http.MethodGet, "/" + s.name + "/nobody", ""},
			{http.MethodPost, "/" + s.name + "/nobody", `{"event_message":"none"}`},
			{http.MethodGet, "/readyz", ""},
		} {
			s.call(t, client, "http://localhost:"+n.port+c.path, c.method, c.body)
		}
	}
}

func (s *scenario) call(t *testing.T, client *http.Client, url, method, body string) {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := client.Do(req)
	if err != nil {
		return // a node that is down
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return // it was killed meanwhile
	}
	s.count.add(&s.count.calls, 1)
	if what := failed(resp.StatusCode, answer); what != "" {
		t.Errorf("seed %d: %s %s after idle sessions were ended: %s", s.seed, method, url, what)
	}
}

// failed says what is wrong with an answer: a job that is not there is not found,
// and the node is ready. How its stores are depends on how busy the machine is.
func failed(status int, answer []byte) string {
	if status == http.StatusNotFound || status == http.StatusOK {
		return ""
	}
	return fmt.Sprintf("%d %.300s", status, answer)
}
