package postgres

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
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
	idle time.Duration // from which on a connection is asked whether it lives

	gate   chan struct{} // holds one token while the fields below are used
	pool   *pgxpool.Pool
	pooled bool    // shared, when the pool was made
	layout *layout // nil if it was not read yet
	warned map[string]bool
	closed bool

	turns turns
	told  told // of rows that cannot be read

	// shared is set once a pooler is found to share sessions between clients:
	// nothing of ours may stay in one.
	shared atomic.Bool
}

func newStore(cfg Driver, log *slog.Logger) *Store {
	life, end := context.WithCancel(context.Background())
	r, _ := readDSN(cfg.DSN) // connecting will tell
	s := &Store{
		cfg: cfg, log: log, life: life, end: end, beat: listenBeat, idle: sleep, gate: make(chan struct{}, 1),
		turns: newTurns(connections(r)), warned: map[string]bool{},
	}
	s.shared.Store(r.pooled)
	return s
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

// acquire returns the pool, of which the caller is a user until work.Done, unless
// there is an error. It may return the pool that the error is of.
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
			return s.pool, nil, err
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
	// The turns bound those in use; one that dies keeps its place a while.
	config.MaxConns = int32(2 * s.turns.connections())
	config.ConnConfig.DefaultQueryExecMode = s.mode()
	var pool *pgxpool.Pool
	config.ShouldPing = func(ctx context.Context, p pgxpool.ShouldPingParams) bool {
		return p.IdleDuration >= s.idle && gone(ctx, pool, p.Conn)
	}
	pool, err = pgxpool.NewWithConfig(context.Background(), config)
	return pool, err
}

// A connection that was idle for sleep is asked whether it lives: one that a
// firewall has forgotten would give no answer, and no error either. Of younger
// ones the query shows it, which spares a quiet poller half of its queries.
const (
	sleep    = 2 * time.Second
	wakeWait = 2 * time.Second
)

// gone asks a connection that was idle whether it lives. If it gives no answer,
// it is closed, and all others that are idle are given up with it.
func gone(ctx context.Context, pool *pgxpool.Pool, conn *pgx.Conn) bool {
	wait, cancel := context.WithTimeout(ctx, wakeWait)
	defer cancel()
	if conn.Ping(wait) == nil {
		return false
	}
	if ctx.Err() == nil {
		pool.Reset()
	}
	return true // the pool asks once more, which fails now, and takes it out
}

var (
	_ joblog.Store       = (*Store)(nil)
	_ joblog.Appender    = (*Store)(nil)
	_ joblog.StateSetter = (*Store)(nil)
	_ joblog.Newester    = (*Store)(nil)
	_ joblog.Recenter    = (*Store)(nil)
	_ joblog.Listener    = (*Store)(nil)
)
