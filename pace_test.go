package caddyjobs

import (
	"context"
	"errors"
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// crowd reads pages by a pace.
type crowd struct {
	*pace
	reading atomic.Int32
	release chan struct{} // a token ends one page
}

// read has a client read a page, in the background.
func (c *crowd) read(ctx context.Context, from string) (turn chan error) {
	turn = make(chan error, 1)
	go func() {
		done, err := c.take(ctx, netip.MustParsePrefix(from))
		turn <- err
		if err != nil {
			return
		}
		c.reading.Add(1)
		<-c.release
		c.reading.Add(-1)
		done()
	}()
	return turn
}

// onPace runs a test in a bubble.
func onPace(t *testing.T, test func(t *testing.T, c *crowd)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &crowd{pace: newPace(new(table)), release: make(chan struct{})}
		test(t, c)
		close(c.release)
		synctest.Wait()
		if c.turns != 0 || c.pages != 0 || len(c.waiting) > 0 || len(c.order) > 0 {
			t.Errorf("%d turns, %d pages are being read, %v wait in the order %v", c.turns, c.pages, c.waiting, c.order)
		}
		c.stop()
	})
}

const one, another = "192.0.2.1/32", "198.51.100.1/32"

// ticks has ticks for a while, each of which takes so long.
func (c *crowd) ticks(while, took time.Duration) {
	for begun := time.Now(); time.Since(begun) < while; elapse(50 * time.Millisecond) {
		wanted := time.Now()
		elapse(took)
		c.ticked(wanted)
	}
}

// narrowed has ticks suffer from reads until one page is read at a time.
func (c *crowd) narrowed(t *testing.T) {
	t.Helper()
	c.ticks(time.Second, time.Millisecond)
	c.read(t.Context(), one)
	c.ticks(time.Second/2, 50*time.Millisecond)
	c.release <- struct{}{}
	elapse(1900 * time.Millisecond) // the pause
	synctest.Wait()
}

// TestPaceYields has ticks take long beside reads, and reads make way for them: one
// page is read at a time, with pauses. They come back as ticks are fast again.
func TestPaceYields(t *testing.T) {
	onPace(t, func(t *testing.T, c *crowd) {
		c.narrowed(t)
		for range widest {
			c.read(t.Context(), one)
		}
		synctest.Wait()
		if n := c.reading.Load(); n != 1 {
			t.Errorf("%d pages are read at a time, want 1", n)
		}
		c.ticks(longestPage/2, 50*time.Millisecond)
		c.release <- struct{}{}
		elapse(longestPage)
		if n := c.reading.Load(); n != 0 {
			t.Errorf("%d pages are read in the pause, want 0", n)
		}
		c.ticks(time.Minute, time.Millisecond) // the others have gone or been served
		for c.reading.Load() > 0 {
			c.release <- struct{}{}
			synctest.Wait()
		}
		for range widest {
			c.read(t.Context(), one)
		}
		synctest.Wait()
		if n := c.reading.Load(); n != widest {
			t.Errorf("%d pages are read at a time after a minute, want %d", n, widest)
		}
	})
}

// TestPaceOfSlowStores has ticks that take as long without reads: reads are not to
// blame, and go on.
func TestPaceOfSlowStores(t *testing.T) {
	onPace(t, func(t *testing.T, c *crowd) {
		c.ticks(5*time.Second, 200*time.Millisecond)
		for range widest {
			c.read(t.Context(), one)
		}
		c.ticks(time.Minute, 250*time.Millisecond)
		if n := c.reading.Load(); n != widest {
			t.Errorf("%d pages are read at a time, want %d", n, widest)
		}
	})
}

// TestPaceIsFair has many clients of one network wait before a client of another one:
// the networks take turns.
func TestPaceIsFair(t *testing.T) {
	onPace(t, func(t *testing.T, c *crowd) {
		c.narrowed(t)
		for range 20 {
			c.read(t.Context(), one)
			synctest.Wait()
		}
		turn := c.read(t.Context(), another)
		synctest.Wait()
		for range 2 { // one was being read, and one waited
			c.release <- struct{}{}
			synctest.Wait()
		}
		select {
		case err := <-turn:
			if err != nil {
				t.Error(err)
			}
		default:
			t.Error("the other network waits for all of the first")
		}
	})
}

// TestPaceOfEndlessPages has one page take for ever: it keeps nobody waiting for
// longer than a moment.
func TestPaceOfEndlessPages(t *testing.T) {
	onPace(t, func(t *testing.T, c *crowd) {
		c.narrowed(t)
		c.read(t.Context(), one)
		synctest.Wait()
		turn, begun := c.read(t.Context(), another), time.Now()
		if err := <-turn; err != nil || time.Since(begun) > 5*longestPage {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

// TestPaceGivesUp has a client leave while it waits, and others wait in vain.
func TestPaceGivesUp(t *testing.T) {
	onPace(t, func(t *testing.T, c *crowd) {
		c.narrowed(t)
		ctx, leave := context.WithCancel(t.Context())
		c.read(t.Context(), one)
		synctest.Wait()
		gone := c.read(ctx, one)
		synctest.Wait()
		leave()
		if err := <-gone; !errors.Is(err, context.Canceled) {
			t.Errorf("it left: %v", err)
		}
		for range 40 {
			c.read(t.Context(), one)
			synctest.Wait()
		}
		last, begun := c.read(t.Context(), one), time.Now()
		if err := <-last; !errors.Is(err, joblog.ErrUnserved) || time.Since(begun) != longestTurn {
			t.Errorf("after %s: %v", time.Since(begun), err)
		}
	})
}

// TestPaceOfPacedStores has a store say how many pages to read at a time.
func TestPaceOfPacedStores(t *testing.T) {
	if p := newPace(paced{new(table)}); p.most != 2 || p.window != 2 {
		t.Errorf("it is %g of %g pages at a time, want 2 of 2", p.window, p.most)
	}
}

type paced struct{ *table }

func (paced) Pages() int { return 2 }

// TestPaceAfterSpikes has one tick take very long beside reads, and all others as long
// as without: reads are not slowed down for long.
func TestPaceAfterSpikes(t *testing.T) {
	onPace(t, func(t *testing.T, c *crowd) {
		c.ticks(time.Second, time.Millisecond)
		c.read(t.Context(), one)
		synctest.Wait()
		c.ticks(50*time.Millisecond, 10*time.Second)
		c.ticks(time.Minute/2, time.Millisecond)
		if c.window < widest/2 {
			t.Errorf("%g pages are read at a time after half a minute", c.window)
		}
	})
}

// TestPaceOfBusyStores has ticks only while pages are read, of which the turns have
// long ended: those are not taken for ticks without reads.
func TestPaceOfBusyStores(t *testing.T) {
	onPace(t, func(t *testing.T, c *crowd) {
		c.ticks(time.Second, time.Millisecond)
		for range 100 {
			c.read(t.Context(), one)
		}
		c.ticks(2*longestPage, 400*time.Millisecond)
		c.ticks(remembered/2, 400*time.Millisecond)
		if c.window != narrow || c.speed.alone.value() > float64(10*time.Millisecond) {
			t.Errorf("%g pages are read at a time, ticks without reads take %g ns", c.window, c.speed.alone.value())
		}
		if n := int(c.reading.Load()); n > endless*widest {
			t.Errorf("%d pages are read", n)
		}
	})
}

// TestPaceStartsBusy has reads from the first tick on: it is found out in a lull how
// long ticks take without them.
func TestPaceStartsBusy(t *testing.T) {
	onPace(t, func(t *testing.T, c *crowd) {
		stop := make(chan struct{})
		for range 4 {
			go func() {
				for {
					select {
					case <-stop:
						return
					default:
					}
					if done, err := c.take(t.Context(), netip.MustParsePrefix(one)); err == nil {
						elapse(20 * time.Millisecond)
						done()
					}
				}
			}()
		}
		for begun := time.Now(); time.Since(begun) < remembered; elapse(50 * time.Millisecond) {
			wanted := time.Now()
			c.mu.Lock()
			busy := c.pages > 0
			c.mu.Unlock()
			if elapse(time.Millisecond); busy {
				elapse(40 * time.Millisecond)
			}
			c.ticked(wanted)
		}
		if c.window > 1 {
			t.Errorf("%g pages are read at a time; ticks take %g ns beside them, and %g without", c.window, c.speed.beside.value(), c.speed.alone.value())
		}
		close(stop)
		elapse(time.Minute)
	})
}

// TestPaceWithoutTicks has nobody watch live any more: all pages there may be are read.
func TestPaceWithoutTicks(t *testing.T) {
	onPace(t, func(t *testing.T, c *crowd) {
		c.narrowed(t)
		elapse(time.Minute)
		for range widest {
			c.read(t.Context(), one)
		}
		synctest.Wait()
		if n := c.reading.Load(); n != widest {
			t.Errorf("%d pages are read at a time, want %d", n, widest)
		}
	})
}
