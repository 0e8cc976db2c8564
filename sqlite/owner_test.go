package sqlite

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// as asks for a job as somebody.
func as(owner, job string) joblog.Ask { return joblog.Ask{ID: job, Owner: owner} }

// TestOwnerTypes has owner columns of several types. Owners are their texts, to
// the byte, whatever the column takes for equal.
func TestOwnerTypes(t *testing.T) {
	for name, c := range map[string]struct {
		typ, value, owner string
		others            []string
	}{
		"text":          {"TEXT", "'Jane'", "Jane", []string{"jane", "Jane "}},
		"in any case":   {"TEXT COLLATE NOCASE", "'Jane'", "Jane", []string{"jane", "JANE"}},
		"blanks":        {"TEXT COLLATE RTRIM", "'Jane'", "Jane", []string{"Jane ", "jane"}},
		"integer":       {"INTEGER", "42", "42", []string{"042", "42.0", " 42", "+42", "x"}},
		"large integer": {"INTEGER", "9223372036854775807", "9223372036854775807", []string{"9223372036854775806", "9223372036854775808"}},
		"real":          {"REAL", "1.5", "1.5", []string{"1.50", "15e-1"}},
		"none":          {"", "7", "7", []string{"7.0", "07"}},
		"blob":          {"BLOB", "x'4a616e65'", "Jane", []string{"jane", "x'4a616e65'", "4a616e65"}},
		"a NUL in it":   {"TEXT", "'Jane' || char(0) || 'x'", "", []string{"Jane", "Jane\x00x", "Jane\x00"}},
		"not UTF-8":     {"TEXT", "CAST(x'ff' AS TEXT)", "", []string{"\xff", "\ufffd"}},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "app.db")
			a := newApp(t, path, strings.Replace(appSchema, "tenant_id TEXT", "tenant_id "+c.typ, 1))
			a.exec(t, `INSERT INTO vibe_tasks VALUES ('job', 'running', `+c.value+`), ('nobody', 'running', NULL)`)
			asks := []joblog.Ask{as(c.owner, "job"), as(c.owner, "nobody"), as("", "job"), as("", "nobody"), as("NULL", "nobody")}
			for _, other := range c.others {
				asks = append(asks, as(other, "job"))
			}
			got, err := opened(t, path, withOwner).Jobs(t.Context(), asks)
			if err != nil {
				t.Fatal(err)
			}
			job := got[asks[0]]
			if job.Version = ""; c.owner != "" && job != (joblog.Job{ID: "job", State: "running", Owner: c.owner}) {
				t.Errorf("the owner gets %+v", job)
			}
			delete(got, asks[0])
			if len(got) != 0 {
				t.Errorf("others get %+v", got)
			}
		})
	}
}

// TestOwnerNone asks a store that was not told where the owners are.
func TestOwnerNone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	a := newApp(t, path, appSchema)
	a.setJob(t, "job", "running")
	a.setOwner(t, "job", "her")
	got, err := opened(t, path).Jobs(t.Context(), append([]joblog.Ask{as("her", "job"), as("", "job"), as("NULL", "job")}, anyones...))
	if err != nil || len(got) != 1 || got[anyones[0]].ID != "job" {
		t.Errorf("got %+v, %v, want the one that asks for any owner", got, err)
	}
}

// TestForbidden has nothing leave the database of a job that is somebody else's.
func TestForbidden(t *testing.T) {
	path := filepath.Join(t.TempDir(), "app.db")
	a := newApp(t, path, appSchema)
	for job, owner := range map[string]string{"hers": "her", "his": "him"} {
		a.setJob(t, job, "running")
		a.setOwner(t, job, owner)
	}
	a.setJob(t, "nobodys", "running")
	s := opened(t, path, withOwner)
	for job, want := range map[string]int{"hers": 1, "his": 0, "nobodys": 0, "unknown": 0} {
		_, asked, err := pairs([]joblog.Ask{as("her", job)})
		if err != nil {
			t.Fatal(err)
		}
		rows := 0
		err = s.use(t.Context(), func(ctx context.Context, f *file) error {
			return each(ctx, f.read, f.jobs, []any{asked}, func(scanner) error { rows++; return nil })
		})
		if err != nil || rows != want {
			t.Errorf("%s: %d rows, %v, want %d", job, rows, err, want)
		}
	}
}
