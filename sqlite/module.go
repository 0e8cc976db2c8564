package sqlite

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

const (
	defaultMaxMessage = 1 << 20
	largestMaxMessage = 256 << 20
)

func init() { caddy.RegisterModule(new(Driver)) }

// Driver is the store's configuration: the guest module jobs.stores.sqlite.
type Driver struct {
	// Path is the database's file. A relative one is below Caddy's working
	// directory; placeholders such as {env.NAME} are replaced. If the file is
	// missing it is created, for its owner only, with its schema and the
	// directory it is in, on first use. Default: jobs.db in Caddy's data
	// directory.
	Path string `json:"path,omitempty"`
	tables.Tables
	// MaxMessage is how much of an event's message is read, in bytes: the rest
	// of a longer one is left in the database, and the event says that it was
	// truncated. Stores that are shared between configurations keep the first
	// value. Default: 1048576 (1 MiB); at most 268435456 (256 MiB).
	MaxMessage int `json:"max_message,omitempty"`
}

// CaddyModule describes the module.
func (*Driver) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "jobs.stores.sqlite", New: func() caddy.Module { return new(Driver) }}
}

// Provision sets the defaults. It touches no file.
func (d *Driver) Provision(caddy.Context) error {
	d.Path = caddy.NewReplacer().ReplaceKnown(d.Path, "")
	if d.Path == "" {
		d.Path = filepath.Join(caddy.AppDataDir(), "jobs.db")
	}
	abs, err := filepath.Abs(d.Path)
	if err != nil {
		return fmt.Errorf("path of the SQLite database: %w", err)
	}
	if !isURI(d.Path) {
		d.Path = abs
	}
	d.SetDefaults()
	if d.MaxMessage == 0 {
		d.MaxMessage = defaultMaxMessage
	}
	return nil
}

// Validate reports what cannot work, whatever is in the file.
func (d *Driver) Validate() error {
	if isURI(d.Path) || strings.ContainsRune(d.Path, 0) {
		return fmt.Errorf("path: %q is not the path of a file", d.Path)
	}
	if d.MaxMessage < 1 || d.MaxMessage > largestMaxMessage {
		return fmt.Errorf("max_message: %d bytes are not between 1 and %d", d.MaxMessage, largestMaxMessage)
	}
	return d.Tables.Validate()
}

// isURI reports whether SQLite would take a path for something other than a
// file's, which would then not be the same file for all connections.
func isURI(path string) bool {
	return strings.HasPrefix(path, "file:") || strings.HasPrefix(path, ":memory:")
}

// Key is the file and the names of the tables.
func (d *Driver) Key() string { return "sqlite:" + d.Path + d.Identity() }

// Open makes the store. The file is opened on first use.
func (d *Driver) Open(log *slog.Logger) joblog.Store {
	return newStore(d.Path, d.Tables, d.MaxMessage, defaultBusy, log)
}

// defaultBusy is how long to wait for the lock of another writer.
const defaultBusy = 5 * time.Second

var (
	_ joblog.Driver     = (*Driver)(nil)
	_ caddy.Provisioner = (*Driver)(nil)
	_ caddy.Validator   = (*Driver)(nil)
)
