package caddyjobs

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestAttacksAreTested looks for the tests that the README names beside attacks.
func TestAttacksAreTested(t *testing.T) {
	t.Parallel()
	_, section, _ := strings.Cut(document(t, "README.md"), "\n### Attacks\n")
	section, _, _ = strings.Cut(section, "\n## ")
	namesTests(t, section)
}

// TestFaultsAreTested looks for the tests that docs/faults.md names beside faults.
func TestFaultsAreTested(t *testing.T) {
	t.Parallel()
	for i, section := range strings.Split(document(t, "docs/faults.md"), "\n## ") {
		if i > 0 { // the first one is the introduction
			namesTests(t, section)
		}
	}
}

func document(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// namesTests checks that each row of a section's table names tests, in its third
// column, and that they exist.
func namesTests(t *testing.T, section string) {
	t.Helper()
	rows := regexp.MustCompile("(?m)^\\| (.+) \\| (.+) \\| (`.+`) \\|$").FindAllStringSubmatch(section, -1)
	if all := strings.Count(section, "\n| "); len(rows) == 0 || len(rows) != all-1 { // the head is one
		t.Fatalf("%d of %d rows of the table name tests", len(rows), all)
	}
	for _, row := range rows {
		for name := range strings.SplitSeq(row[3], ", ") {
			dir, test, found := strings.Cut(strings.Trim(name, "`"), ".")
			if !found {
				dir, test = ".", dir
			}
			if !hasTest(t, dir, test) {
				t.Errorf("%s: there is no %s", row[1], name)
			}
		}
	}
}

// hasTest reports whether the tests of a folder have a test, or a fuzzer.
func hasTest(t *testing.T, dir, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	declared := regexp.MustCompile(`(?m)^func ` + regexp.QuoteMeta(name) + `\(\w+ \*testing\.[TF]\) {$`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if (strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz")) && declared.Match(text) {
			return true
		}
	}
	return false
}
