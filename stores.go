package caddyjobs

// The standard stores, so that building with this module alone is enough.
import (
	_ "github.com/caddyjobs/caddyjobs/postgres"
	_ "github.com/caddyjobs/caddyjobs/sqlite"
)
