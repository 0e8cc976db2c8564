package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var errClosed = errors.New("the store is closed")

// connectTimeout bounds one attempt to connect.
const connectTimeout = 5 * time.Second

// settings are what sessions begin with. They only read, but for transactions
// that say otherwise; the compiler of queries costs more than it gains here.
var settings = map[string]string{
	"statement_timeout": "10s", "default_transaction_read_only": "on", "jit": "off",
	"idle_in_transaction_session_timeout": "30s",
}

// Store is a joblog.Store of one Postgres database.
//
// It connects with the first call that needs it, and looks then whether the
// tables are as configured. Errors are of the call that met them; the next
// call tries anew.
type Store struct {
	cfg Driver
	log *slog.Logger

	life context.Context // ends with Close
	end  context.CancelFunc
	warn sync.Once
	work sync.WaitGroup // calls in progress; grows under mu only

	gate   chan struct{} // holds one token while the fields below are used
	pool   *pgxpool.Pool
	layout *layout // nil if it was not read yet
	plain  bool    // sessions begin without settings: a pooler refuses them
	closed bool
}

func newStore(cfg Driver, log *slog.Logger) *Store {
	life, end := context.WithCancel(context.Background())
	return &Store{cfg: cfg, log: log, life: life, end: end, gate: make(chan struct{}, 1)}
}

// Close ends all calls, waits for them and closes the connections. Later calls
// fail.
func (s *Store) Close() error {
	s.end()
	s.gate <- struct{}{}
	defer func() { <-s.gate }()
	s.closed = true
	s.work.Wait()
	if s.pool != nil {
		s.pool.Close()
		s.pool = nil
	}
	return nil
}

// use calls do with the connections and what is known of the tables. The
// context it passes on ends with the store as well.
func (s *Store) use(ctx context.Context, do func(context.Context, *pgxpool.Pool, *layout) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.life, cancel)()
	pool, l, err := s.acquire(ctx)
	if err == nil {
		defer s.work.Done()
		err = do(ctx, pool, l)
		judge(pool, l, err)
	}
	if err == nil {
		return nil
	}
	if s.life.Err() != nil {
		err = errClosed
	}
	return fmt.Errorf("postgres: %w", err)
}

// acquire returns the pool, of which the caller is a user until work.Done.
func (s *Store) acquire(ctx context.Context) (*pgxpool.Pool, *layout, error) {
	select {
	case s.gate <- struct{}{}:
		defer func() { <-s.gate }()
	case <-ctx.Done():
		return nil, nil, ctx.Err()
	}
	if s.closed {
		return nil, nil, errClosed
	}
	if err := s.connect(ctx); err != nil {
		return nil, nil, err
	}
	if s.layout == nil || s.layout.doubt.Load() {
		l, err := inspect(ctx, s.pool, &s.cfg)
		if err != nil {
			return nil, nil, err
		}
		s.layout = l
		s.warn.Do(func() {
			for _, text := range l.warnings {
				s.log.Warn(text)
			}
		})
	}
	s.work.Add(1)
	return s.pool, s.layout, nil
}

// connect makes the pool and its first connection, if there is no pool.
func (s *Store) connect(ctx context.Context) error {
	if s.pool != nil {
		return nil
	}
	pool, err := newPool(&s.cfg, s.plain)
	if err != nil {
		return err
	}
	var refused *pgconn.PgError
	if err := pool.Ping(ctx); errors.As(err, &refused) && refused.Code == "08P01" && !s.plain {
		// A pooler that shares sessions does not pass settings on.
		pool.Close()
		s.plain = true
		return s.connect(ctx)
	} else if err != nil {
		pool.Close()
		return err
	}
	s.pool = pool
	return nil
}

func newPool(d *Driver, plain bool) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(d.DSN)
	if err != nil {
		return nil, err
	}
	config.ConnConfig.ConnectTimeout = connectTimeout
	// No statement stays in a session, which poolers may share.
	config.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeCacheDescribe
	// The next query shows whether a connection lives; asking first would double
	// the queries of a quiet poller.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	params := config.ConnConfig.RuntimeParams
	if params["application_name"] == "" {
		params["application_name"] = "caddyjobs"
	}
	if !plain {
		given := maps.Clone(params)
		maps.Copy(params, settings)
		maps.Copy(params, given)
	}
	return pgxpool.NewWithConfig(context.Background(), config)
}

// judge looks at the outcome of a call. After a lost connection the others are
// not to be trusted; after an error of the schema the layout is not. It takes
// no lock: Close waits for calls, and holds the gate meanwhile.
func judge(pool *pgxpool.Pool, l *layout, err error) {
	if is(err, "42") || is(err, "0A000") { // another schema than it was
		l.doubt.Store(true)
	}
	if lost(err) {
		pool.Reset()
	}
}

// lost reports whether an error is of the connection or of a server that stops,
// and not an answer, a refusal of ours, or a caller who went away.
func lost(err error) bool {
	if errors.Is(err, context.Canceled) {
		return false
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || pgconn.SafeToRetry(err) || is(err, "57P")
}

var (
	_ joblog.Store       = (*Store)(nil)
	_ joblog.Appender    = (*Store)(nil)
	_ joblog.StateSetter = (*Store)(nil)
	_ joblog.Newester    = (*Store)(nil)
	_ joblog.Listener    = (*Store)(nil)
)
