package main

import (
	"bytes"
	"context"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"time"
)

// inside is what a server holds.
type inside struct{ heap, goroutines, files float64 }

// look collects what is garbage, and looks at what is left.
func (n *node) look(ctx context.Context) (in inside, err error) {
	const collections = 3 // what was in a pool is gone after two
	var profile []byte
	for range collections {
		if profile, err = n.profile(ctx, "heap?gc=1&debug=1"); err != nil {
			return in, err
		}
	}
	if in.heap, err = figure(profile, "# HeapAlloc = "); err != nil {
		return in, err
	}
	if profile, err = n.profile(ctx, "goroutine?debug=1"); err != nil {
		return in, err
	}
	if in.goroutines, err = figure(profile, "goroutine profile: total "); err != nil {
		return in, err
	}
	// The database's are a pool's, which grows when it is busy.
	files, err := n.process.Files(n.db.file)
	in.files = float64(files)
	return in, err
}

func (n *node) profile(ctx context.Context, which string) ([]byte, error) {
	status, body, err := call(ctx, n.admin, http.MethodGet, "http://localhost/debug/pprof/"+which, "")
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("the profile %s: %d %s", which, status, body)
	}
	return body, err
}

// figure is the number that follows a text.
func figure(b []byte, text string) (float64, error) {
	_, rest, ok := bytes.Cut(b, []byte(text))
	line, _, _ := bytes.Cut(rest, []byte("\n"))
	n, err := strconv.ParseInt(string(line), 10, 64)
	if !ok || err != nil {
		return 0, fmt.Errorf("the profile has no %q", text)
	}
	return float64(n), nil
}

// most is how many times of what it was something may be afterwards.
const most = 1.05

// within reports whether a server holds no more than it did.
func (in inside) within(before inside) bool {
	return in.heap <= most*before.heap && in.goroutines <= most*before.goroutines && in.files <= before.files
}

// settled looks until a server holds no more than it did, or has had its time.
func (s *scene) settled(ctx context.Context, n *node, before inside) (in inside, err error) {
	const again = 500 * time.Millisecond
	for late := time.Now().Add(s.settle); ; {
		if in, err = n.look(ctx); err != nil || in.within(before) || time.Now().After(late) {
			return in, err
		}
		if err := s.wait(ctx, again); err != nil {
			return in, err
		}
	}
}

// steady looks until what a server holds has not changed for longer than it
// keeps connections of HTTP/2 that are closed: see idle in the config. It
// returns the least of each that was seen meanwhile.
func (s *scene) steady(ctx context.Context, n *node) (in inside, err error) {
	const again, still = 500 * time.Millisecond, 2 * time.Second
	since := time.Now()
	for late := since.Add(s.settle); ; {
		now, err := n.look(ctx)
		if err != nil {
			return in, err
		}
		if now.near(in) {
			in = inside{min(in.heap, now.heap), min(in.goroutines, now.goroutines), min(in.files, now.files)}
		} else {
			in, since = now, time.Now()
		}
		if time.Since(since) > still || time.Now().After(late) {
			return in, nil
		}
		if err := s.wait(ctx, again); err != nil {
			return in, err
		}
	}
}

// near reports whether a server holds what it did, give or take what our own
// requests leave for a moment.
func (in inside) near(before inside) bool {
	const slight, few = 0.01, 3
	return math.Abs(in.heap-before.heap) <= slight*before.heap &&
		math.Abs(in.goroutines-before.goroutines) <= few && math.Abs(in.files-before.files) <= few
}
