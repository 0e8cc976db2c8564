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
	readme, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(readme), "\n### Attacks\n")
	section, _, _ = strings.Cut(section, "\n## ")
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
