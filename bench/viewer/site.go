package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	_ "modernc.org/sqlite" // the driver of the application's own connection

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

const caddyfile = `{
	admin off
	persist_config off
	auto_https off
	log {
		level WARN
	}
	jobs {
		store sqlite {
			path %s
		}
	}
}
http://localhost:%d {
	bind 127.0.0.1
	jobs_logs
	jobs_viewer
	jobs_ingest
}
`

// site is a server, and the application beside it, which knows nothing of it.
type site struct {
	address netip.AddrPort
	process *rig.Process
	db      *sql.DB
}

// newSite starts a server on an empty database in dir.
func newSite(ctx context.Context, program, dir string) (s *site, err error) {
	s = new(site)
	if s.address, err = rig.FreePort(ctx); err != nil {
		return nil, err
	}
	file, database := filepath.Join(dir, "Caddyfile"), filepath.Join(dir, "jobs.db")
	if err := os.WriteFile(file, fmt.Appendf(nil, caddyfile, database, s.address.Port()), 0o600); err != nil {
		return nil, err
	}
	if s.process, err = rig.Launch([]string{program, "run", "--config", file}, dir, -1); err != nil {
		return nil, err
	}
	if err := errors.Join(s.process.Listens(ctx, s.address), s.setState(ctx, "first", "completed")); err != nil {
		return s, err
	}
	// That the machine fails is not tested: no commit waits for the disk.
	s.db, err = sql.Open("sqlite", "file:"+database+"?_pragma=busy_timeout(10000)&_pragma=synchronous(off)&_txlock=immediate")
	return s, err
}

func (s *site) close() (err error) {
	if s.db != nil {
		err = s.db.Close()
	}
	s.process.Stop()
	return err
}

// page is where a job's is.
func (s *site) page(job string) string {
	return fmt.Sprintf("http://localhost:%d/jobs/%s", s.address.Port(), job)
}

// setState makes the tables as well, where there are none.
func (s *site) setState(ctx context.Context, job, state string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPut, s.page(job)+"/state", strings.NewReader(fmt.Sprintf(`{"state":%q}`, state)))
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the state of %s: %s", job, resp.Status)
	}
	return nil
}

// addLines writes rows as builds have them: some coloured, some long, of several
// severities, a group each 5,000.
func (s *site) addLines(ctx context.Context, job string, count int) error {
	_, err := s.db.ExecContext(ctx, `WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < ?2)
		INSERT INTO vibe_events (task_id, event_message, severity, event_time) SELECT ?1, CASE
			WHEN i % 5000 = 100 THEN '::group::Step ' || i
			WHEN i % 5000 = 4900 THEN '::endgroup::'
			WHEN i % 1000 = 7 THEN 'ERROR in module ' || i || ': assertion failed, expected ' || (i % 89) || ' but got ' || (i % 97)
			WHEN i % 10 = 3 THEN char(27) || '[32m✓' || char(27) || '[0m test case ' || i || ' passed in ' || (i % 431) || ' ms'
			WHEN i % 50 = 11 THEN 'compiling package ' || i || ' with flags -O2 -fno-omit-frame-pointer -Wall -Wextra ' || hex(randomblob(100))
			ELSE '[' || i || '] building target //src/lib/module' || (i % 311) || ':all took ' || (i % 977) || ' ms' END,
			CASE WHEN i % 1000 = 7 THEN 'error' WHEN i % 100 = 50 THEN 'warn' ELSE 'info' END, 1764000000000 + i FROM n`, job, count)
	if err != nil {
		return fmt.Errorf("writing %d rows: %w", count, err)
	}
	return nil
}
