package postgres

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/caddyserver/caddy/v2"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/tables"
)

const (
	defaultMaxMessage = 1 << 20
	largestMaxMessage = 64 << 20
	defaultChannel    = "caddyjobs"
)

// Values of Driver.Notify.
const (
	notifyAuto = "auto"
	notifyOff  = "off"
)

func init() { caddy.RegisterModule(new(Driver)) }

// Driver is the store's configuration: the guest module jobs.stores.postgres.
type Driver struct {
	// DSN says where the database is: a URL such as
	// postgres://user:password@host/database, or keywords and values.
	// Placeholders such as {env.DATABASE_URL} and {file./run/secrets/dsn} are
	// replaced. It is never logged. Required.
	DSN string `json:"dsn,omitempty"`
	tables.Tables
	// MaxMessage is how much of an event's message is read, in bytes: the rest
	// of a longer one is left in the database, and the event says that it was
	// truncated. Default: 1048576 (1 MiB); at most 67108864 (64 MiB).
	//
	// A store that lives on across a config reload, because there are streams of
	// it, keeps this value and those below.
	MaxMessage int `json:"max_message,omitempty"`
	// Notify is the channel on which the database says that there are new rows:
	// auto for the channel caddyjobs, off, or a channel's name. It is a hint
	// only; without it rows come at the poll interval. Default: auto.
	Notify string `json:"notify,omitempty"`
	// ListenDSN is where to listen, if dsn leads through a pooler in transaction
	// mode, which notifications do not pass. Default: dsn.
	ListenDSN string `json:"listen_dsn,omitempty"`
	// Settle is how long an id that was passed over is waited for even if no
	// transaction is left that could commit it. It matters only where ids are
	// not made by the table's own sequence, one by one. Default: 0 where they
	// are, else 60s.
	Settle caddy.Duration `json:"settle,omitempty"`
}

// CaddyModule describes the module.
func (*Driver) CaddyModule() caddy.ModuleInfo {
	return caddy.ModuleInfo{ID: "jobs.stores.postgres", New: func() caddy.Module { return new(Driver) }}
}

// Provision sets the defaults. It connects to nothing.
func (d *Driver) Provision(caddy.Context) error {
	for _, dsn := range []*string{&d.DSN, &d.ListenDSN} {
		*dsn = strings.TrimSpace(replaced(*dsn)) // a file's end is no part of it
	}
	d.SetDefaults()
	if d.MaxMessage == 0 {
		d.MaxMessage = defaultMaxMessage
	}
	if d.Notify == "" {
		d.Notify = notifyAuto
	}
	return nil
}

// replaced is a text with its placeholders replaced. One that stands for nothing
// stays, where it is not all of the text: a DSN with an empty password, say, is
// another one.
func replaced(text string) string {
	repl := caddy.NewReplacer()
	if all, err := repl.ReplaceOrErr(text, true, false); err == nil {
		return all
	}
	if all := repl.ReplaceKnown(text, ""); all == "" {
		return all
	}
	return text
}

// Validate reports what cannot work, whatever is in the database.
func (d *Driver) Validate() error {
	if d.DSN == "" {
		return errors.New("dsn is empty; write where the database is, such as: dsn postgres://user:password@host/database, or dsn {env.DATABASE_URL} with that variable set")
	}
	if err := check("dsn", d.DSN); err != nil {
		return err
	}
	if d.ListenDSN != "" {
		if err := check("listen_dsn", d.ListenDSN); err != nil {
			return err
		}
	}
	if d.MaxMessage < 1 || d.MaxMessage > largestMaxMessage {
		return fmt.Errorf("max_message: %d bytes are not between 1 and %d", d.MaxMessage, largestMaxMessage)
	}
	if d.Settle < 0 {
		return fmt.Errorf("settle is %s; it must not be negative", time.Duration(d.Settle))
	}
	return d.checkNames()
}

func (d *Driver) checkNames() error {
	for _, table := range []string{d.Events.Table, d.Jobs.Table} {
		if _, err := identifier(table); err != nil {
			return err
		}
	}
	return d.Tables.Validate()
}

// Key is the place, the credentials and the names of the tables, the first two
// as a digest: keys may be seen in logs.
func (d *Driver) Key() string {
	sum := sha256.Sum256([]byte(d.DSN))
	return "postgres:" + hex.EncodeToString(sum[:]) + d.Identity()
}

// Open makes the store. It connects on first use.
func (d *Driver) Open(log *slog.Logger) joblog.Store { return newStore(*d, log) }

var (
	_ joblog.Driver     = (*Driver)(nil)
	_ caddy.Provisioner = (*Driver)(nil)
	_ caddy.Validator   = (*Driver)(nil)
)
