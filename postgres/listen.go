package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// Listen hints whenever the database notifies, on a connection of its own. It
// returns joblog.ErrUnsupported if it is not to listen.
func (s *Store) Listen(ctx context.Context, hint func()) error {
	if s.cfg.Notify == notifyOff {
		return fmt.Errorf("%w: notify is off", joblog.ErrUnsupported)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	if err := s.listen(ctx, hint); err != nil {
		return fmt.Errorf("listening: postgres: %w", err)
	}
	return nil
}

func (s *Store) listen(ctx context.Context, hint func()) error {
	dsn, channel := s.cfg.ListenDSN, s.cfg.Notify
	if dsn == "" {
		dsn = s.cfg.DSN
	}
	if channel == notifyAuto {
		channel = defaultChannel
	}
	conn, err := connectTo(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return err
	}
	for { // the first hint is for what came before
		hint()
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return err
		}
	}
}

func connectTo(ctx context.Context, dsn string) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.ConnectTimeout = connectTimeout
	delete(config.RuntimeParams, "pool_max_conns")
	config.RuntimeParams["application_name"] = "caddyjobs listener"
	return pgx.ConnectConfig(ctx, config)
}
