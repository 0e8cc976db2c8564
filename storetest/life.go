package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

var listenTests = []test{
	{"hears", listenHears},
	{"ends with its context", listenContext},
	{"ends with its store", listenClosed},
}

// listen calls Listen and returns its hints and its end.
func listen(ctx context.Context, s joblog.Store) (hints chan struct{}, ended chan error) {
	hints, ended = make(chan struct{}, 1), make(chan error, 1)
	hint := func(string) {
		select {
		case hints <- struct{}{}:
		default:
		}
	}
	go func() { ended <- s.(joblog.Listener).Listen(ctx, watching, hint) }()
	return hints, ended
}

// watching is a joblog.Watching of somebody who watches the job for ever.
func watching() (jobs []string, changed <-chan struct{}) { return []string{"job"}, nil }

// insertUntil inserts until there is a hint: when a listener begins to hear is
// not to be seen from outside.
func insertUntil(t *testing.T, f Fixture, hints <-chan struct{}) {
	t.Helper()
	late := time.After(patience)
	for {
		f.Insert(t, "job", messages(1)...)
		select {
		case <-hints:
			return
		case <-late:
			t.Fatalf("no hint within %s", patience)
		case <-time.After(500 * time.Millisecond):
		}
	}
}

func listenHears(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	ctx, cancel := context.WithCancel(t.Context())
	hints, ended := listen(ctx, f.Store)
	for range 3 {
		insertUntil(t, f, hints)
	}
	cancel()
	if err := await(t, "the end of Listen", ended); err == nil {
		t.Error("Listen returned no reason")
	}
}

func listenContext(t *testing.T, f Fixture) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, ended := listen(ctx, f.Store)
	if err := await(t, "the end of Listen", ended); err == nil {
		t.Error("Listen returned no reason")
	}
}

func listenClosed(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	hints, ended := listen(t.Context(), f.Store)
	insertUntil(t, f, hints)
	if err := f.Store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := await(t, "the end of Listen", ended); err == nil {
		t.Error("Listen returned no reason")
	}
}

var closeTests = []test{
	{"unused", closeUnused},
	{"twice", closeTwice},
	{"calls after it", closeCalls},
	{"calls during it", closeDuring},
}

func closeUnused(t *testing.T, f Fixture) {
	if err := f.Store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

func closeTwice(t *testing.T, f Fixture) {
	lookUp(t, f.Store, "job")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := f.Store.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
	wg.Wait()
	if err := f.Store.Close(); err != nil {
		t.Errorf("Close again: %v", err)
	}
}

// calls are all that a store can do, each once.
func calls(ctx context.Context, s joblog.Store, tail joblog.Tail) map[string]func() error {
	all := map[string]func() error{
		"Jobs": func() error { _, err := s.Jobs(ctx, []joblog.Ask{{ID: "job", AnyOwner: true}}); return err },
		"Read": func() error { _, err := s.Read(ctx, joblog.Query{Job: "job", UpTo: everything}); return err },
		"Tail": func() error { _, err := s.Tail(ctx); return err },
		"Next": func() error {
			_, err := tail.Next(ctx, joblog.Watch{Jobs: map[string]struct{}{"job": {}}, Ask: []string{"job"}})
			return err
		},
	}
	if a, ok := s.(joblog.Appender); ok {
		all["Append"] = func() error { _, err := a.Append(ctx, joblog.Batch{Job: "job", Events: messages(1)}); return err }
	}
	if a, ok := s.(joblog.StateSetter); ok {
		all["SetState"] = func() error { return a.SetState(ctx, "job", "running") }
	}
	if n, ok := s.(joblog.Newester); ok {
		all["Newest"] = func() error { _, err := n.Newest(ctx); return err }
	}
	if r, ok := s.(joblog.Remover); ok {
		all["Remove"] = func() error { return r.Remove(ctx, "other") }
	}
	if l, ok := s.(joblog.Listener); ok {
		all["Listen"] = func() error { return l.Listen(ctx, watching, func(string) {}) }
	}
	return all
}

func closeCalls(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	tail := follow(t, f.Store, "job").tail
	if err := f.Store.Close(); err != nil {
		t.Fatalf("Close: %v", err)
	}
	for name, call := range calls(deadline(t), f.Store, tail) {
		if call() == nil {
			t.Errorf("%s succeeds on a closed store", name)
		}
	}
}

// closeDuring closes under load: every call returns, with or without an error.
func closeDuring(t *testing.T, f Fixture) {
	f.SetJob(t, "job", "running")
	f.Insert(t, "job", messages(joblog.PageRows)...)
	tail := follow(t, f.Store, "job").tail
	all := calls(deadline(t), f.Store, tail)
	var busy, done sync.WaitGroup
	busy.Add(len(all))
	for name, call := range all {
		done.Go(func() {
			first := sync.OnceFunc(busy.Done)
			if name == "Listen" { // returns at the end only
				first()
			}
			for call() == nil {
				first()
			}
			first()
		})
	}
	busy.Wait()
	if err := f.Store.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	ended := make(chan struct{})
	go func() { done.Wait(); close(ended) }()
	await(t, "the end of all calls", ended)
}
