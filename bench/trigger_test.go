package bench

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"testing"

	"github.com/jackc/pgx/v5"
)

// BenchmarkTrigger is what the hints cost writers: pgbench, eight clients, one
// row a transaction; the median of five rounds of each case, in turns.
func BenchmarkTrigger(b *testing.B) {
	dsn, pool := database(b, watchedJobs)
	listener, err := pgx.Connect(b.Context(), dsn)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = listener.Close(b.Context()) }()
	script := filepath.Join(b.TempDir(), "insert.sql")
	if err := os.WriteFile(script, []byte("\\set n random(0, 999)\n"+
		"INSERT INTO vibe_events (task_id, event_message, event_time) VALUES ('job-' || :n, 'a line of the log, about as long as such lines are', 1);\n"), 0o600); err != nil {
		b.Fatal(err)
	}
	const triggers, announce = "ALTER TABLE vibe_events ENABLE TRIGGER caddyjobs_hint",
		"TRUNCATE caddyjobs_watch; INSERT INTO caddyjobs_watch SELECT 'job-' || i, 'n', now() + interval '1 day' FROM generate_series"
	cases := []struct{ name, before string }{
		{"none", "ALTER TABLE vibe_events DISABLE TRIGGER caddyjobs_hint"},
		{"nobody", triggers + "; TRUNCATE caddyjobs_watch"},
		{"others", triggers + "; " + announce + "(1000, 1999) i"},
		{"all", triggers + "; " + announce + "(0, 999) i"},
	}
	if _, err := listener.Exec(b.Context(), "LISTEN caddyjobs"); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		rates := map[string][]float64{}
		for range 5 {
			for _, c := range cases {
				run(b, pool, c.before)
				rates[c.name] = append(rates[c.name], pgbench(b, dsn, script))
			}
		}
		base := median(rates["none"])
		for _, c := range cases {
			b.ReportMetric(median(rates[c.name]), "tps-"+c.name)
			b.ReportMetric(median(rates[c.name])/base, "ratio-"+c.name)
		}
		b.ReportMetric(0, "ns/op")
	}
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}

// pgbench is what it measures, in transactions a second. Debian has it in the
// package postgresql; it may be told by PGBENCH where it is.
func pgbench(b *testing.B, dsn, script string) float64 {
	b.Helper()
	program := os.Getenv("PGBENCH")
	if program == "" {
		found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pgbench")
		found = append(found, "pgbench")
		program = found[0]
	}
	out, err := exec.Command(program, "-n", "-M", "prepared", "-c", "8", "-j", "2", "-T", "4", "-f", script, dsn).CombinedOutput()
	if err != nil {
		b.Fatalf("%s: %v\n%s", program, err, out)
	}
	tps := regexp.MustCompile(`tps = ([0-9.]+)`).FindSubmatch(out)
	if tps == nil {
		b.Fatalf("pgbench says %s", out)
	}
	n, err := strconv.ParseFloat(string(tps[1]), 64)
	if err != nil {
		b.Fatal(err)
	}
	return n
}
