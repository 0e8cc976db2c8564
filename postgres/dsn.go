package postgres

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// keepAlive is how a connection that nobody answers on is noticed, within a
// minute.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 30 * time.Second, Interval: 10 * time.Second, Count: 3}

// parseDSN is what a DSN says, and what holds for all connections: that they
// can be known, hear of dead peers and speak UTF-8. Sessions begin with settings
// of which the DSN says nothing. Its errors have nothing of the DSN in them.
func parseDSN(dsn, name string, settings map[string]string) (*pgxpool.Config, error) {
	r, err := readDSN(dsn)
	if err != nil {
		return nil, err
	}
	config := r.config
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

// reading is what a DSN says.
type reading struct {
	config *pgxpool.Config
	sized  bool // it says how many connections there may be
	pooled bool // it says that it leads to a pooler that shares sessions
}

// placeholders are what begins one that nothing has replaced.
var placeholders = []string{"{env.", "{file.", "{$", "${"}

// readDSN reads a DSN, in which only what it means in one way alone is let
// through: of what means something else, a part might be shown, or looked up.
func readDSN(dsn string) (r reading, err error) {
	for _, p := range placeholders {
		if strings.Contains(dsn, p) {
			return r, errors.New("there is a placeholder in it that stands for nothing; set the variable, or name the file, that it is for")
		}
	}
	text, settings, err := parts(dsn)
	if err != nil {
		return r, err
	}
	if settings, err = translateAll(settings, &r.pooled); err != nil {
		return r, err
	}
	r.sized = slices.ContainsFunc(settings, func(s setting) bool { return s.name == "pool_max_conns" })
	between := "&"
	if text == "" {
		between = " "
	} else if len(settings) > 0 {
		text += "?"
	}
	pairs := make([]string, 0, len(settings))
	for _, s := range settings {
		pairs = append(pairs, s.name+"="+s.value)
	}
	if r.config, err = pgxpool.ParseConfig(text + strings.Join(pairs, between)); err != nil { // it knows the settings of pools, too
		return r, unquoted(err)
	}
	return r, nil
}

// parts are a URL without its settings, and the settings of that or of keywords.
func parts(dsn string) (text string, settings []setting, err error) {
	if isURL(dsn) {
		return address(dsn)
	}
	settings, err = keywords(dsn)
	return "", settings, err
}

// unquoted is an error of the driver in other words: its own quote what they are
// about.
func unquoted(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return errors.New("a file that it names (sslcert, sslkey, sslrootcert, servicefile) is not there, or may not be read")
	}
	return errors.New("a value of it, or of the environment's PG… variables, cannot be; look at ports, timeouts, pool_… settings, the names of files and what they hold")
}

// usual is how many connections there may be, if the DSN does not say and there
// are not more CPUs.
const usual = 8

// connections is how many there may be to the database of a DSN, but for the one
// that listens.
func connections(r reading) int {
	switch {
	case r.config == nil:
		return fewest // connecting will tell
	case r.sized:
		return max(fewest, int(r.config.MaxConns))
	default:
		return max(usual, int(r.config.MaxConns))
	}
}

// check reports what is wrong with a DSN of an option.
func check(option, dsn string) error {
	if _, err := readDSN(dsn); err != nil {
		return fmt.Errorf("%s: %w", option, err)
	}
	return nil
}
