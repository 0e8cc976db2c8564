package postgres

import (
	"maps"
	"net"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// keepAlive is how a connection that nobody answers on is noticed, within a
// minute.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// parseDSN is what a DSN says, and what holds for all connections: that they
// can be known, hear of dead peers and speak UTF-8. Sessions begin with settings
// of which the DSN says nothing.
func parseDSN(dsn, name string, settings map[string]string) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(dsn) // it knows the settings of pools, too
	if err != nil {
		return nil, err
	}
	c := config.ConnConfig
	c.ConnectTimeout = connectTimeout
	c.DialFunc = (&net.Dialer{Timeout: connectTimeout, KeepAliveConfig: keepAlive}).DialContext
	given := c.RuntimeParams
	c.RuntimeParams = map[string]string{"application_name": name}
	maps.Copy(c.RuntimeParams, settings)
	maps.Copy(c.RuntimeParams, given)
	c.RuntimeParams["client_encoding"] = "UTF8" // whatever the database's is
	if c.ValidateConnect != nil {
		// target_session_attrs=read-write would take such a session for a standby's.
		delete(c.RuntimeParams, "default_transaction_read_only")
	} else if manyHosts(&c.Config) {
		// All connections must be to one server, and the one that is written to
		// is: on another, which lags, rows would be missing that a position covers.
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsPrimary
	}
	return config, nil
}

// manyHosts reports whether there is a choice of servers. Some fallbacks are of
// the same one, by other means of encryption.
func manyHosts(c *pgconn.Config) bool {
	for _, f := range c.Fallbacks {
		if f.Host != c.Host || f.Port != c.Port {
			return true
		}
	}
	return false
}

// usual is how many connections there may be, if the DSN does not say and there
// are not more CPUs.
const usual = 8

// connections is how many there may be to the database of a DSN, but for the one
// that listens.
func connections(dsn string) int {
	config, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return fewest // connecting will tell
	}
	if plain, err := pgx.ParseConfig(dsn); err == nil && plain.RuntimeParams["pool_max_conns"] == "" {
		return max(usual, int(config.MaxConns))
	}
	return max(fewest, int(config.MaxConns))
}
