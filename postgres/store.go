package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
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
//
// They are given with the connection and never by SET, which behind a pooler
// would change sessions of the application.
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
	work sync.WaitGroup // calls in progress; grows under gate only

	beat time.Duration // of Listen

	gate   chan struct{} // holds one token while the fields below are used
	pool   *pgxpool.Pool
	pooled bool    // shared, when the pool was made
	layout *layout // nil if it was not read yet
	warned map[string]bool
	closed bool

	// turns holds a token of each call that is not the tail's.
	turns chan struct{}

	// shared is set once a pooler is found to share sessions between clients:
	// nothing of ours may stay in one.
	shared atomic.Bool
}

func newStore(cfg Driver, log *slog.Logger) *Store {
	life, end := context.WithCancel(context.Background())
	return &Store{
		cfg: cfg, log: log, life: life, end: end, beat: listenBeat, gate: make(chan struct{}, 1),
		turns: make(chan struct{}, connections(cfg.DSN)-1), warned: map[string]bool{},
	}
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
		s.judge(pool, l, err)
	}
	if err == nil {
		return nil
	}
	if s.life.Err() != nil {
		err = errClosed
	}
	return fmt.Errorf("postgres: %w", err)
}

// inTurn is use for calls of which there may be many at once. All together they
// leave one connection to the tail, which has to keep up whoever reads.
func (s *Store) inTurn(ctx context.Context, do func(context.Context, *pgxpool.Pool, *layout) error) error {
	select {
	case s.turns <- struct{}{}:
		defer func() { <-s.turns }()
		return s.use(ctx, do)
	case <-s.life.Done():
		return fmt.Errorf("postgres: %w", errClosed)
	case <-ctx.Done():
		return fmt.Errorf("postgres: %w: all connections are in use: %w", joblog.ErrUnserved, ctx.Err())
	}
}

// ask is inTurn for calls that read.
func (s *Store) ask(ctx context.Context, do func(context.Context, *pgxpool.Pool, *layout) error) error {
	return s.inTurn(ctx, func(ctx context.Context, pool *pgxpool.Pool, l *layout) error {
		err := do(ctx, pool, l)
		if err != nil && (is(err, "53300") || !lost(err) && !errors.As(err, new(*pgconn.ConnectError))) {
			err = fmt.Errorf("%w: %w", joblog.ErrUnserved, err) // the server lives
		}
		return err
	})
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
	if s.pool != nil && s.pooled != s.shared.Load() {
		s.work.Go(s.pool.Close) // it waits for users, who may wait for the gate
		s.pool = nil
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
		s.warnOf(l)
	}
	s.work.Add(1)
	return s.pool, s.layout, nil
}

// warnOf logs what is not as it should be, each once.
func (s *Store) warnOf(l *layout) {
	for _, text := range l.warnings {
		if !s.warned[text] {
			s.warned[text] = true
			s.log.Warn(text)
		}
	}
}

// connect makes the pool and its first connection, if there is no pool.
func (s *Store) connect(ctx context.Context) error {
	if s.pool != nil {
		return nil
	}
	pool, err := s.newPool()
	if err != nil {
		return err
	}
	if err := pool.Ping(ctx); is(err, "08P01") && !s.shared.Load() { // it takes no settings
		pool.Close()
		s.share()
		return s.connect(ctx)
	} else if err != nil {
		pool.Close()
		return err
	}
	s.pool, s.pooled = pool, s.shared.Load()
	return nil
}

// share takes note of a pooler.
func (s *Store) share() {
	if s.shared.CompareAndSwap(false, true) {
		s.log.Info("a pooler shares sessions between clients: statements are not prepared, and statement_timeout is not set; " +
			"it can be set by: ALTER ROLE the user of the dsn SET statement_timeout = '10s'")
	}
}

// mode is how statements are sent: prepared once, unless that would leave them
// in sessions of others.
func (s *Store) mode() pgx.QueryExecMode {
	if s.shared.Load() {
		return pgx.QueryExecModeCacheDescribe
	}
	return pgx.QueryExecModeCacheStatement
}

func (s *Store) newPool() (*pgxpool.Pool, error) {
	begin := settings
	if s.shared.Load() {
		begin = nil
	}
	config, err := parseDSN(s.cfg.DSN, "caddyjobs", begin)
	if err != nil {
		return nil, err
	}
	config.MaxConns = int32(cap(s.turns) + 1)
	config.ConnConfig.DefaultQueryExecMode = s.mode()
	// The next query shows whether a connection lives; asking first would double
	// the queries of a quiet poller.
	config.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
	return pgxpool.NewWithConfig(context.Background(), config)
}

// judge looks at the outcome of a call. After a lost connection the others are
// not to be trusted; after an error of the schema the layout is not. It takes
// no lock: Close waits for calls, and holds the gate meanwhile.
func (s *Store) judge(pool *pgxpool.Pool, l *layout, err error) {
	if is(err, "26000") || is(err, "42P05") { // a prepared statement of another session
		s.share()
	}
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
	_ joblog.Recenter    = (*Store)(nil)
	_ joblog.Listener    = (*Store)(nil)
)
