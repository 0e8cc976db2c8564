package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// session is a server that runs, and the generator that is connected to it.
type session struct {
	*options
	server   *server
	protocol load.Protocol
	site     *site
	process  *rig.Process
	loop     *load.Loop
	form     load.Form
}

// connectTimeout bounds the time in which viewers get their first byte.
const connectTimeout = 2 * time.Minute

// open starts a server. One viewer of no consequence has come to it when open
// returns, so that all is in place that a first one brings about.
func (o *options) open(ctx context.Context, s *server, protocol load.Protocol) (_ *session, err error) {
	e := &session{options: o, server: s, protocol: protocol, form: s.newForm()}
	if e.site, err = newSite(ctx, o.programs[s.program], o.dir, protocol != load.Plain); err != nil {
		return nil, err
	}
	argv, err := s.command(e.site)
	if err != nil {
		return nil, err
	}
	if e.process, err = rig.Launch(argv, e.site.dir, o.serverCore, "BENCH_FEED="+e.site.feed.String()); err != nil {
		return nil, err
	}
	if err := e.begin(ctx); err != nil {
		return nil, errors.Join(err, e.close())
	}
	return e, nil
}

func (e *session) begin(ctx context.Context) (err error) {
	if err := e.process.Listens(ctx, e.site.http); err != nil {
		return err
	}
	if e.loop, err = load.NewLoop(); err != nil {
		return err
	}
	warm := &load.Job{Name: "warm"}
	if _, ok := e.form.(*load.Lines); ok {
		// The store of caddyjobs takes events once it is used.
		if err := e.view(ctx, 1, warm); err != nil {
			return err
		}
	}
	if err := e.process.Listens(ctx, e.site.feed); err != nil {
		return err
	}
	if err := e.loop.Publish(e.site.feed, e.form); err != nil {
		return err
	}
	return e.make(ctx, warm)
}

// make makes jobs, where they are not made by asking for them.
func (e *session) make(ctx context.Context, jobs ...*load.Job) error {
	for _, j := range jobs {
		if err := e.loop.Begin(j); err != nil {
			return err
		}
	}
	return e.loop.Settle(ctx)
}

// close ends the server.
func (e *session) close() error {
	var err error
	if e.loop != nil {
		err = e.loop.Close()
	}
	e.process.Stop()
	return errors.Join(err, os.RemoveAll(e.site.dir))
}

// viewers are some viewers of this server, of the jobs in turns.
func (e *session) viewers(count int, jobs ...*load.Job) load.Viewers {
	return load.Viewers{
		Server: e.site.http, Protocol: e.protocol, Count: count,
		Job: func(i int) *load.Job { return jobs[i%len(jobs)] },
	}
}

// view adds viewers of jobs that exist, and waits until something has come to
// each. They come a few at a time: servers hang up on whoever connects and is
// then silent for long.
func (e *session) view(ctx context.Context, count int, jobs ...*load.Job) error {
	const few = 200
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	all := e.viewers(count, jobs...)
	for all.First = 0; all.First < count; all.First += few {
		all.Count = min(few, count-all.First)
		ask, err := e.loop.Connect(ctx, all)
		if err != nil {
			return err
		}
		if err := ask(); err != nil {
			return err
		}
		if err := e.loop.Run(ctx, func() bool { return e.loop.Waiting() == 0 }); err != nil {
			return fmt.Errorf("nothing comes to some of the viewers %d to %d: %w", all.First, all.First+all.Count, err)
		}
	}
	return nil
}

// jobs are some new ones.
func (e *session) jobs(ctx context.Context, count int) ([]*load.Job, error) {
	jobs := make([]*load.Job, count)
	for i := range jobs {
		jobs[i] = &load.Job{Name: fmt.Sprint("job-", i)}
	}
	return jobs, e.make(ctx, jobs...)
}

// measure publishes at a rate, and tells what became of it.
func (e *session) measure(ctx context.Context, r load.Rate, patience time.Duration) (figures, error) {
	e.loop.Tally = new(load.Tally)
	before, err := rig.Spend(e.process)
	err = errors.Join(err, e.loop.Play(ctx, r, patience))
	after, err2 := rig.Spend(e.process)
	if err := errors.Join(err, err2); err != nil {
		return nil, err
	}
	t := e.loop.Tally
	return figures{
		colRate:      r.PerSecond,
		colDelivered: float64(t.Delivered) / after.At.Sub(before.At).Seconds(),
		colPerCPU:    float64(t.Delivered) / (after.Server - before.Server).Seconds(),
		colCPU:       after.Since(before, func(s rig.Spent) time.Duration { return s.Server }),
		colOwn:       after.Since(before, func(s rig.Spent) time.Duration { return s.Own }),
		colOthers:    after.Others(before),
		colP50:       ms(t.Latency.Quantile(0.5)),
		colP99:       ms(t.Latency.Quantile(0.99)),
		colLost:      float64(e.loop.Lacking() + t.Lost),
		colDoubled:   float64(t.Doubled),
		colReordered: float64(t.Reordered),
	}, nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
