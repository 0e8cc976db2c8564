package testdb

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// programs is the folder of a version's programs.
func programs(version string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	return programsIn(root, version)
}

func programsIn(root, version string) (string, error) {
	bin := filepath.Join(root, ".cache", "postgres", version, "bin")
	if _, err := os.Stat(filepath.Join(bin, "postgres")); err != nil {
		return "", fmt.Errorf("it is not installed, run `make setup`: %w", err)
	}
	return bin, nil
}

// moduleRoot is the nearest folder with a go.mod, from the one where the
// tests of a package run.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("no go.mod above the working directory")
		}
	}
}
