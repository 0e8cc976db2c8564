package caddyjobs

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	"github.com/spf13/cobra"
)

func init() {
	caddycmd.RegisterCommand(caddycmd.Command{
		Name:  "jobs",
		Usage: "<command>",
		Short: "Commands for the logs of jobs",
		Long:  "Commands of caddyjobs, which streams the logs of jobs.",
		CobraFunc: func(cmd *cobra.Command) {
			cmd.AddCommand(schemaCommand(), linkCommand())
		},
	})
}

func schemaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "schema <driver> [--config <path> [--adapter <name>] [--store <name>]]",
		Short: "Prints the SQL of the tables that a store reads",
		Long: `Prints the SQL of all that a store can use: tables, an index, and for
Postgres a trigger that makes it faster. It opens no database. Read it, leave
out what you have, and run the rest.

The names are those of the config file, or the defaults without one.`,
		Example: `  caddy jobs schema postgres
  caddy jobs schema postgres --config Caddyfile --store builds`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			cmd.SilenceUsage = true
			text, err := schemaText(cmd, args[0])
			if err == nil {
				_, err = fmt.Fprint(cmd.OutOrStdout(), text)
			}
			return err
		},
	}
	cmd.Flags().StringP("config", "c", "", "Configuration file with the names of the tables")
	cmd.Flags().StringP("adapter", "a", "", "Name of config adapter to apply")
	cmd.Flags().StringP("store", "s", "", "Name of the store, if there are several with this driver")
	return cmd
}

// schemer is a driver that can tell its schema.
type schemer interface {
	// Schema is the SQL, with comments. Its errors say which name is wrong.
	Schema() (string, error)
}

func schemaText(cmd *cobra.Command, driver string) (string, error) {
	info, err := caddy.GetModule("jobs.stores." + driver)
	if err != nil {
		return "", fmt.Errorf("unknown store driver %q; known are %s", driver, strings.Join(drivers(), ", "))
	}
	module := info.New()
	s, ok := module.(schemer)
	if !ok {
		return "", fmt.Errorf("the driver %s has no SQL to print", driver)
	}
	config, err := storeConfig(cmd, driver)
	if err != nil {
		return "", err
	}
	if err := json.Unmarshal(config, module); err != nil {
		return "", fmt.Errorf("the store's configuration: %w", err)
	}
	if p, ok := module.(caddy.Provisioner); ok {
		if err := p.Provision(caddy.Context{}); err != nil {
			return "", err
		}
	}
	return s.Schema()
}

// storeConfig is the configuration of the store with a driver, as it is in the
// config file; an empty one if there is none.
func storeConfig(cmd *cobra.Command, driver string) (json.RawMessage, error) {
	flag := func(name string) string { return cmd.Flag(name).Value.String() }
	name := flag("store")
	if flag("config") == "" {
		if name != "" {
			return nil, errors.New("--store needs --config, the file that has the store")
		}
		return json.RawMessage("{}"), nil
	}
	app, err := configuredApp(cmd)
	if err != nil {
		return nil, err
	}
	found, err := app.storesWith(driver)
	if err != nil {
		return nil, err
	}
	names := slices.Sorted(maps.Keys(found))
	switch config, ok := found[name]; {
	case ok:
		return config, nil
	case len(found) == 0:
		return nil, fmt.Errorf("the config has no store with the driver %s", driver)
	case name == "" && len(found) == 1:
		return found[names[0]], nil
	default:
		return nil, fmt.Errorf("name the store: --store %s", strings.Join(names, ", or --store "))
	}
}

// configuredApp is the app as it is in the config file that a command's flags
// name.
func configuredApp(cmd *cobra.Command) (*App, error) {
	flag := func(name string) string { return cmd.Flag(name).Value.String() }
	text, _, _, err := caddycmd.LoadConfig(flag("config"), flag("adapter"))
	if err != nil {
		return nil, err
	}
	var file struct {
		Apps struct {
			Jobs App `json:"jobs"`
		} `json:"apps"`
	}
	if err := json.Unmarshal(text, &file); err != nil {
		return nil, fmt.Errorf("reading the config: %w", err)
	}
	return &file.Apps.Jobs, nil
}

// storesWith are the configurations of the stores that have a driver, by name.
func (a *App) storesWith(driver string) (map[string]json.RawMessage, error) {
	found := map[string]json.RawMessage{}
	for name, raw := range a.StoresRaw {
		var store struct {
			Driver string `json:"driver"`
		}
		if err := json.Unmarshal(raw, &store); err != nil {
			return nil, fmt.Errorf("reading the store %s: %w", name, err)
		}
		if store.Driver == driver {
			found[name] = raw
		}
	}
	return found, nil
}
