package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

const (
	listenBeat  = 30 * time.Second // between looks whether notifications still come
	probeWait   = 2 * time.Second  // for a notification of our own
	probePrefix = "caddyjobs probe "
)

// errDeaf is why Listen ends if notifications do not reach it.
var errDeaf = errors.New("notifications do not arrive, as behind a pooler that shares sessions; set listen_dsn to the database itself, or notify to off")

// Listen hints whenever the database notifies, on a connection of its own. It
// returns joblog.ErrUnsupported if it is not to listen.
func (s *Store) Listen(ctx context.Context, watching joblog.Watching, hint func(job string)) error {
	if s.cfg.Notify == notifyOff {
		return fmt.Errorf("%w: notify is off", joblog.ErrUnsupported)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	if err := s.listen(ctx, watching, hint); err != nil {
		return fmt.Errorf("listening: postgres: %w", discreet(err))
	}
	return nil
}

func (s *Store) listen(ctx context.Context, watching joblog.Watching, hint func(job string)) error {
	conn, err := s.connectListener(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{s.cfg.channel()}.Sanitize()); err != nil {
		return err
	}
	if err := s.probe(ctx, conn); err != nil {
		return err
	}
	a := newAnnouncer(s, conn)
	defer a.leave(context.WithoutCancel(ctx))
	for probed := time.Now(); ; {
		changed, err := a.announce(ctx, watching)
		if err != nil {
			return err
		}
		hint("") // for what came before, or while the probe was waited for
		if err := hear(ctx, conn, changed, s.beat, hint); err != nil {
			return err
		}
		if time.Since(probed) < s.beat {
			continue
		}
		if err := s.probe(ctx, conn); err != nil {
			return err
		}
		probed = time.Now()
	}
}

// hear passes notifications on until changed is closed, or for so long.
func hear(ctx context.Context, conn *pgx.Conn, changed <-chan struct{}, long time.Duration, hint func(job string)) error {
	// A wait that is cut short leaves the connection as it is.
	wait, cancel := context.WithTimeout(ctx, long)
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-changed:
			gather(wait)
			cancel()
		case <-wait.Done():
		}
	}()
	defer func() { cancel(); <-ended }()
	for {
		n, err := conn.WaitForNotification(wait)
		if wait.Err() != nil && ctx.Err() == nil {
			return nil
		}
		if err != nil {
			return err
		}
		if !strings.HasPrefix(n.Payload, probePrefix) {
			hint(n.Payload)
		}
	}
}

// gather lets more changes come, so that they are announced together.
func gather(ctx context.Context) {
	select {
	case <-time.After(announceGather):
	case <-ctx.Done():
	}
}

// connectListener makes the connection that listens.
func (s *Store) connectListener(ctx context.Context) (*pgx.Conn, error) {
	dsn := s.cfg.ListenDSN
	if dsn == "" {
		dsn = s.cfg.DSN
	}
	conn, err := connectTo(ctx, dsn, map[string]string{"idle_session_timeout": "0"}) // it is idle all the time
	if is(err, "08P01") {                                                            // a pooler that takes no settings
		conn, err = connectTo(ctx, dsn, nil)
	}
	return conn, err
}

func connectTo(ctx context.Context, dsn string, settings map[string]string) (*pgx.Conn, error) {
	config, err := parseDSN(dsn, "", nil)
	if err != nil {
		return nil, err
	}
	c := config.ConnConfig
	maps.Copy(c.RuntimeParams, settings)
	c.DefaultQueryExecMode = pgx.QueryExecModeExec
	c.RuntimeParams["application_name"] = "caddyjobs listener" // even if the DSN names the store
	return pgx.ConnectConfig(ctx, c)
}

// probe sends a notification, from another session, and waits for it: a pooler
// that shares sessions lets one LISTEN, and passes nothing on; and a connection
// whose other end is gone looks like one on which nothing happens.
func (s *Store) probe(ctx context.Context, conn *pgx.Conn) error {
	payload := probePrefix + rand.Text()
	err := s.inTurn(ctx, s.turns.lookups, func(ctx context.Context, pool *pgxpool.Pool, _ *layout) error {
		_, err := pool.Exec(ctx, "SELECT pg_notify($1, $2)", s.cfg.channel(), payload)
		return err
	})
	if err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, probeWait)
	defer cancel()
	for {
		var n *pgconn.Notification
		if n, err = conn.WaitForNotification(wait); err != nil {
			break
		}
		if n.Payload == payload {
			return nil
		}
	}
	if wait.Err() != nil && ctx.Err() == nil {
		return errDeaf
	}
	return err
}
