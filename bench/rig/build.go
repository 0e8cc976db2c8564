package rig

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// Root is where the module is.
func Root(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/caddyjobs/caddyjobs").Output()
	if err != nil {
		return "", fmt.Errorf("go list: %w", err)
	}
	return strings.TrimSpace(string(out)), nil
}

// Programs is where what is built for measuring is kept.
func Programs(root string) (string, error) {
	dir := filepath.Join(root, ".cache", "bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("a place for the programs: %w", err)
	}
	return dir, nil
}

// Build compiles a package below root, as xcaddy does for users.
func Build(ctx context.Context, root, out, path string) error {
	return Run(ctx, root, "go", "build", "-trimpath", "-ldflags=-w -s", "-tags=nobadger,nomysql,nopgx", "-o", out, path)
}

// Run runs a program in a directory until it ends. Its error has what the
// program said.
func Run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, out)
	}
	return nil
}
