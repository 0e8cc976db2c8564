package parking

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// still is a guest that has nothing to say.
type still struct{}

func (still) Tick(b []byte, _ time.Duration, _ bool) ([]byte, time.Duration, Reason) {
	return b, time.Hour, ""
}
func (still) Resume()     {}
func (still) Gone(Reason) {}

// empty is a store without rows.
type empty struct{}

func (empty) Position() joblog.Cursor { return joblog.Cursor{} }

func (empty) Read(context.Context, joblog.Query) (joblog.Page, error) { return joblog.Page{}, nil }

// BenchmarkLive is one event, from the emitter to the sockets of so many
// viewers of one job: what is allocated must not depend on how many they are.
func BenchmarkLive(b *testing.B) {
	for _, viewers := range []int{1, 100, 1000} {
		b.Run(fmt.Sprint(viewers), func(b *testing.B) {
			s, g := parkedShard(b, viewers)
			e := joblog.Event{Job: "job", Message: "a line of a log that is about as long as such lines are", Severity: "info", Time: 1700000000000}
			b.ReportAllocs()
			for b.Loop() {
				e.ID++
				g.em.Append(joblog.Cursor{N: e.ID}, time.Now(), []joblog.Event{e})
				g.em.Trim(1 << 16)
				s.take()
				for s.pass(); len(s.passes) > 0; s.pass() {
				}
			}
			if e.ID != g.entries[0].stream.Rows() || len(g.entries) != viewers {
				b.Fatalf("%d events, the first of %d viewers has %d", e.ID, len(g.entries), g.entries[0].stream.Rows())
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(e.ID)/float64(viewers), "ns/delivery")
		})
	}
}

// parkedShard is a shard, served by the caller, with viewers of one job that
// read all they get.
func parkedShard(b testing.TB, viewers int) (*shard, *group) {
	b.Helper()
	s := &shard{lot: NewLot(func(time.Duration) {}, func(string) {}), wake: make(chan struct{}, 1), running: true}
	if err := s.begin(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(s.watcher.close)
	em := joblog.NewEmitter("job")
	em.Open(joblog.Cursor{})
	for range viewers {
		c, client := pair(b, false)
		c.chunked = true
		go func() { _, _ = io.Copy(io.Discard, client) }()
		stream := joblog.NewStream(empty{}, em, joblog.Options{Tail: 0})
		for state := joblog.More; state != joblog.Idle; {
			_, state, _ = stream.Pull(b.Context(), nil)
		}
		s.arrived = append(s.arrived, &entry{guest: still{}, stream: stream, conn: c})
	}
	s.admit()
	return s, s.groups[em]
}
