package caddyjobs

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"
	"github.com/spf13/cobra"
)

// maxTTL is for how long a link is good at most. What is to be open for longer
// needs no secret.
const maxTTL = 365 * 24 * time.Hour

func linkCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "link <id> --config <path> [--adapter <name>] [--ttl <duration>] [--store <name>] [--base <url>] [--path <pattern>]",
		Short: "Prints a link with which anybody can watch one job until it expires",
		Long: `Prints a URL that is signed with the first key of the option links in the
config file. Whoever has it can watch the job, however often, until it expires.
It opens no database, and does not ask whether there is such a job.

Where keys are placeholders, such as {env.NAME}, run it with the same
environment as the server.`,
		Example: `  caddy jobs link abc123 --config Caddyfile --base https://logs.example.com
  caddy jobs link abc123 --config Caddyfile --ttl 7d --store builds --path /builds/{id}/log`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			text, err := linkText(cmd, args[0])
			if err == nil {
				_, err = fmt.Fprintln(cmd.OutOrStdout(), text)
			}
			return err
		},
	}
	cmd.Flags().StringP("config", "c", "", "Configuration file with the option links")
	cmd.Flags().StringP("adapter", "a", "", "Name of config adapter to apply")
	cmd.Flags().String("ttl", "1h", "For how long the link is good: above 0, at most 365d")
	cmd.Flags().StringP("store", "s", defaultStore, "Name of the store that has the job")
	cmd.Flags().String("base", "", "What is before the path, such as https://logs.example.com; nothing by default")
	cmd.Flags().String("path", "/jobs/{id}/logs", "The path, as in jobs_logs")
	return cmd
}

// linkScope is what links to the jobs of a store are good for. The name of the
// store is as in the config; empty for the default one.
func linkScope(store string) string { return "read:" + cmp.Or(store, defaultStore) }

func linkText(cmd *cobra.Command, job string) (string, error) {
	if !possible(job) {
		return "", fmt.Errorf("no job can have this id; ids have 1 to %d bytes of UTF-8, and no control characters", maxJobID)
	}
	flag := func(name string) string { return cmd.Flag(name).Value.String() }
	ttl, err := caddy.ParseDuration(flag("ttl"))
	if err != nil || ttl <= 0 || ttl > maxTTL {
		return "", fmt.Errorf("--ttl: %q is not a duration above 0 and at most 365d, such as 1h", flag("ttl"))
	}
	place, err := linkPlace(flag("base"), pattern(flag("path")), job)
	if err != nil {
		return "", err
	}
	app, err := linkApp(cmd)
	if err != nil {
		return "", err
	}
	return place + "?link=" + app.Links.Sign(linkScope(flag("store")), job, time.Now().Add(ttl)), nil
}

// linkPlace is where a job's log is.
func linkPlace(base string, path pattern, job string) (string, error) {
	if err := path.validate(); err != nil {
		return "", fmt.Errorf("--path: %w", err)
	}
	if u, err := url.Parse(base); base != "" &&
		(err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.ContainsAny(base, "?#")) {
		return "", fmt.Errorf("--base: %q is not what a URL begins with, such as https://logs.example.com", base)
	}
	return strings.TrimSuffix(base, "/") + strings.Replace(string(path), segmentID, url.PathEscape(job), 1), nil
}

// linkApp is the app of the config file, ready to sign.
func linkApp(cmd *cobra.Command) (*App, error) {
	if cmd.Flag("config").Value.String() == "" {
		return nil, errors.New("--config is missing; name the file that has the option links")
	}
	app, err := configuredApp(cmd)
	if err != nil {
		return nil, err
	}
	if app.Links == nil {
		return nil, errors.New("the config has no key for links; write one in the global option jobs: links <key>")
	}
	stores := slices.Sorted(maps.Keys(app.StoresRaw))
	if len(stores) == 0 {
		stores = []string{defaultStore}
	}
	if store := cmd.Flag("store").Value.String(); !slices.Contains(stores, store) {
		return nil, fmt.Errorf("the config has no store named %q; it has %s", store, strings.Join(stores, ", "))
	}
	if err := app.Links.Provision(); err != nil {
		return nil, fmt.Errorf("links: %w", err)
	}
	return app, nil
}
