package access

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"time"

	"github.com/caddyserver/caddy/v2"
)

const (
	// keysLast is how long fetched keys are good.
	keysLast = time.Hour
	// keysRest is for how long nothing is fetched again, whatever comes.
	keysRest = time.Minute
	// keysRetry is the same as long as no fetch has succeeded.
	keysRetry = 5 * time.Second
)

// keySets are those in use, by URL. They outlive a config that is replaced by
// one with the same URL, and with them the last good keys.
var keySets = caddy.NewUsagePool()

// leaseKeySet returns the set at a URL. It must be given back by
// releaseKeySet.
func leaseKeySet(url string, log *slog.Logger) *keySet {
	s, _, _ := keySets.LoadOrNew(url, func() (caddy.Destructor, error) {
		return newKeySet(url, log), nil
	})
	return s.(*keySet)
}

func releaseKeySet(s *keySet) {
	_, _ = keySets.Delete(s.url) // Destruct has no error
}

// keySet is the keys of a JWKS. It fetches them when it is asked for them, and
// has nothing running otherwise.
type keySet struct {
	url     string
	log     *slog.Logger
	now     func() time.Time
	ctx     context.Context // ends with the last use
	cancel  context.CancelFunc
	running sync.WaitGroup

	mu       sync.Mutex
	ring     ring
	version  uint64
	fetched  time.Time     // when the keys were fetched; zero if never
	tried    time.Time     // when the last fetch ended
	failure  error         // of the last fetch; wraps ErrUnavailable
	down     bool          // whether the last fetch failed
	fetching chan struct{} // closed at the end of the fetch under way; nil if there is none
}

func newKeySet(url string, log *slog.Logger) *keySet {
	s := &keySet{
		url: url, log: log, now: time.Now,
		failure: fmt.Errorf("%w: they have not been fetched", ErrUnavailable),
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// keys are the keys, at most so old if such are to be had in time; older ones
// come with the error of the last fetch, which wraps ErrUnavailable.
func (s *keySet) keys(ctx context.Context, age time.Duration) (ring, error) {
	if done := s.refresh(age); done != nil {
		select {
		case <-done:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", ErrUnavailable, ctx.Err())
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ring, s.failure
}

// refresh has the keys fetched if they are older than age. It returns what is
// closed at the end of the fetch under way, which all that ask share; nil if
// there is none.
func (s *keySet) refresh(age time.Duration) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	rest := keysRest
	if s.fetched.IsZero() {
		rest = keysRetry
	}
	now := s.now()
	switch {
	case now.Sub(s.fetched) < age:
		return nil
	case s.fetching != nil:
		return s.fetching
	case now.Sub(s.tried) < rest, s.ctx.Err() != nil:
		return nil
	}
	s.fetching = make(chan struct{})
	s.running.Go(s.fetch) // shared: it outlives whoever asked first
	return s.fetching
}

func (s *keySet) fetch() {
	got, err := s.download()
	s.mu.Lock()
	defer s.mu.Unlock()
	defer close(s.fetching)
	s.tried = s.now()
	if err == nil {
		s.take(got)
	} else {
		s.fail(err)
	}
	s.fetching = nil
}

// download fetches the keys. What panics on them is an error: they are somebody
// else's.
func (s *keySet) download() (d document, err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("reading the keys panicked: %v\n%s", cause, debug.Stack())
		}
	}()
	return download(s.ctx, s.url)
}

func (s *keySet) take(d document) {
	if v := digest(d.keys); v != s.version || s.down {
		s.log.Info("fetched the keys of tokens", "url", s.url, "keys", len(d.keys), "left_out", d.leftOut)
		s.version = v
	}
	s.ring, s.fetched, s.failure, s.down = d.keys, s.tried, nil, false
}

func (s *keySet) fail(err error) {
	if !s.down && s.ctx.Err() == nil {
		s.log.Warn("could not fetch the keys of tokens; older ones stay in use", "url", s.url, "keys", len(s.ring), "error", err)
	}
	s.failure, s.down = fmt.Errorf("%w: %w", ErrUnavailable, err), true
}

// seen is the version of the keys, after having had them fetched again if they
// are old.
func (s *keySet) seen() uint64 {
	s.mu.Lock()
	version, asked := s.version, !s.fetched.IsZero()
	s.mu.Unlock()
	if asked {
		s.refresh(keysLast)
	}
	return version
}

// Destruct ends the fetch under way, if any, and waits for its end.
func (s *keySet) Destruct() error {
	s.mu.Lock()
	s.cancel() // under the lock: refresh begins nothing afterwards
	s.mu.Unlock()
	s.running.Wait()
	return nil
}

// digest is a number that differs for other keys, in this process and the next.
func digest(keys ring) uint64 {
	sum := sha256.New()
	for _, k := range keys {
		fmt.Fprintf(sum, "%q %q %x\n", k.algorithm, k.kid, k.bytes())
	}
	return binary.BigEndian.Uint64(sum.Sum(nil))
}
