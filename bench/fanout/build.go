package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// build is how a program is made.
type build func(ctx context.Context, root, out string) error

// builds are the programs, by name.
var builds = map[string]build{
	"raw": func(ctx context.Context, root, out string) error {
		return rig.Run(ctx, root, "cc", "-O2", "-o", out, "bench/raw/raw.c")
	},
	"nethttp": func(ctx context.Context, root, out string) error {
		return rig.Run(ctx, root, "go", "build", "-trimpath", "-o", out, "./bench/nethttp")
	},
	"centrifuge": func(ctx context.Context, root, out string) error {
		return rig.Run(ctx, filepath.Join(root, "bench", "peers"), "go", "build", "-trimpath", "-o", out, "./centrifuge")
	},
	// As xcaddy builds for users.
	"caddy": func(ctx context.Context, root, out string) error {
		return rig.Build(ctx, root, out, "./bench/caddy")
	},
	"nginx": findNginx,
}

// buildAll makes the programs of these servers, and returns their paths.
func buildAll(ctx context.Context, servers []*server) (map[string]string, error) {
	root, err := rig.Root(ctx)
	if err != nil {
		return nil, err
	}
	dir, err := rig.Programs(root)
	if err != nil {
		return nil, err
	}
	programs := map[string]string{}
	for _, s := range servers {
		if programs[s.program] == "" {
			programs[s.program] = filepath.Join(dir, s.program)
			if err := builds[s.program](ctx, root, programs[s.program]); err != nil {
				return nil, fmt.Errorf("building %s: %w", s.program, err)
			}
		}
	}
	return programs, nil
}

// findNginx links to the distribution's nginx, if it has nchan.
func findNginx(ctx context.Context, _, out string) error {
	const advice = "run scripts/install-peers, or leave nchan out of -servers"
	program, err := exec.LookPath("nginx")
	if err != nil {
		if program, err = exec.LookPath("/usr/sbin/nginx"); err != nil {
			return fmt.Errorf("there is no nginx; %s: %w", advice, err)
		}
	}
	config := out + ".conf"
	if err := os.WriteFile(config, []byte("load_module modules/ngx_nchan_module.so;\nevents {}\n"), 0o600); err != nil {
		return err
	}
	if err := rig.Run(ctx, "", program, "-t", "-q", "-c", config); err != nil {
		return fmt.Errorf("nginx does not load nchan; %s: %w", advice, err)
	}
	_ = os.Remove(out) // of an earlier run; if it cannot go, the next line says so
	return os.Symlink(program, out)
}
