package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/caddyjobs/caddyjobs/bench/load"
	"github.com/caddyjobs/caddyjobs/bench/rig"
)

// scene is some nodes on one database, who writes to it, and the generator.
type scene struct {
	*options
	nodes  []*node
	writer *writer
	loop   *load.Loop
	home   string
	db     database
	end    context.CancelCauseFunc
	cause  func() error // why the scene ended early; nil if it has not
	named  int          // jobs
}

// patience is how long after the last event viewers may wait for it.
const patience = 3 * time.Minute

// open starts so many nodes on an SQLite database. The context that it returns
// ends with the writer as well, and is to be used from then on.
func (o *options) open(ctx context.Context, nodes int) (context.Context, *scene, error) {
	return o.openOn(ctx, nodes, file)
}

// openOn is open, on another database.
func (o *options) openOn(ctx context.Context, nodes int, on place) (_ context.Context, s *scene, err error) {
	s = &scene{options: o}
	ctx, s.end = context.WithCancelCause(ctx)
	s.cause = func() error { return context.Cause(ctx) }
	if s.home, err = os.MkdirTemp(o.dir, "scene"); err != nil {
		return ctx, nil, err
	}
	if err := s.begin(ctx, nodes, on); err != nil {
		return ctx, nil, errors.Join(err, s.close())
	}
	return ctx, s, nil
}

func (s *scene) begin(ctx context.Context, nodes int, on place) (err error) {
	if s.db, err = on(ctx, s); err != nil {
		return err
	}
	for i := range nodes {
		n, err := newNode(ctx, s.options, filepath.Join(s.home, strconv.Itoa(i)), s.db)
		if n != nil {
			s.nodes = append(s.nodes, n)
		}
		if err != nil {
			return err
		}
	}
	if s.writer, err = newWriter(ctx, s.db, s.end); err != nil {
		return err
	}
	go s.writer.serve(ctx)
	if s.loop, err = load.NewLoop(); err != nil {
		return err
	}
	return s.loop.Publish(s.writer.address(), new(load.Lines))
}

// close ends everything.
func (s *scene) close() error {
	err := s.cause()
	if s.loop != nil {
		err = errors.Join(err, s.loop.Close())
	}
	s.end(nil)
	if s.writer != nil {
		err = errors.Join(err, s.writer.close())
	}
	for _, n := range s.nodes {
		if n.process != nil {
			n.process.Stop()
		}
	}
	return errors.Join(err, os.RemoveAll(s.home))
}

// make makes new jobs.
func (s *scene) make(ctx context.Context, count int) (jobs []*load.Job, err error) {
	var names []string
	for range count {
		s.named++
		names = append(names, fmt.Sprint("job-", s.named))
		jobs = append(jobs, &load.Job{Name: names[len(names)-1]})
	}
	return jobs, s.writer.begin(ctx, names)
}

// crowd are viewers: a third of each protocol, of the jobs in turns.
type crowd struct {
	count int
	jobs  []*load.Job
	share int // viewers of an address; 0 for as many as can be
	again func(load.Break) netip.AddrPort
}

// view adds a crowd to a node, and waits until something has come to each. They
// come a few at a time.
func (s *scene) view(ctx context.Context, n *node, c crowd) error {
	const few = 200
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	protocols := []load.Protocol{load.Plain, load.TLS, load.HTTP2}
	for i, p := range protocols {
		from, to := c.count*i/len(protocols), c.count*(i+1)/len(protocols)
		for ; from < to; from += few {
			ask, err := s.loop.Connect(ctx, load.Viewers{
				Server: n.address(p), Protocol: p, First: from, Count: min(few, to-from), Share: c.share, Again: c.again,
				Job: func(i int) *load.Job { return c.jobs[i%len(c.jobs)] },
			})
			if err == nil {
				err = ask()
			}
			if err == nil {
				err = s.loop.Run(ctx, func() bool { return s.loop.Waiting() == 0 })
			}
			if err != nil {
				return fmt.Errorf("viewers %d and following, over %s: %w; the server says: %s", from, p, err, n.process.Tail())
			}
		}
	}
	return nil
}

// play publishes at a rate for as long as the scene lasts, or until it is told
// to stop.
func (s *scene) play(rate float64, jobs []*load.Job) error {
	const gather = 10 * time.Millisecond
	return s.loop.Start(load.Rate{PerSecond: rate, Burst: gather, For: longest, Jobs: jobs})
}

// wait reads what comes for some time.
func (s *scene) wait(ctx context.Context, d time.Duration) error {
	end := time.Now().Add(d)
	return s.loop.Run(ctx, func() bool { return time.Now().After(end) })
}

// during reads what comes while something is done.
func (s *scene) during(ctx context.Context, do func() error) error {
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		err = do()
	}()
	err2 := s.loop.Run(ctx, func() bool {
		select {
		case <-done:
			return true
		default:
			return false
		}
	})
	<-done
	return errors.Join(err, err2)
}

// finish stops publishing, ends the jobs, and waits until all viewers know.
// What they lack then is in the tally.
func (s *scene) finish(ctx context.Context, jobs []*load.Job) error {
	if err := s.loop.Stop(); err != nil {
		return err
	}
	for _, j := range jobs {
		if err := s.loop.End(j); err != nil {
			return err
		}
	}
	late := time.Now().Add(patience)
	return s.loop.Run(ctx, func() bool { return s.loop.Watching() == 0 || time.Now().After(late) })
}

// lost is how many events did not come that should have.
func (s *scene) lost() float64 { return float64(s.loop.Lacking() + s.loop.Tally.Lost) }

// tell adds what became of the events, and what was computed meanwhile.
func (s *scene) tell(r *rig.Report, before, after rig.Spent) {
	t := s.loop.Tally
	r.Add("events delivered", float64(t.Delivered))
	r.Hold("lost", s.lost(), 0)
	r.Hold("doubled", float64(t.Doubled), 0)
	r.Hold("out of order", float64(t.Reordered), 0)
	r.Add("seconds", after.At.Sub(before.At).Seconds())
	if after.Server > 0 {
		r.Add("CPU of the servers %", after.Since(before, func(s rig.Spent) time.Duration { return s.Server }))
	}
	r.Add("of the generator %", after.Since(before, func(s rig.Spent) time.Duration { return s.Own }))
	r.Add("of others %", after.Others(before))
}
