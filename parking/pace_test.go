package parking

import (
	"testing"
	"time"
)

// pausesOf is the last pause of a shard whose passes take so long each, and
// follow so many signals that come every interval.
func pausesOf(took, interval time.Duration, change func(*pacer)) (pause time.Duration) {
	var p pacer
	now := time.Unix(1000, 0)
	next := now // signal
	for range 50 {
		if now.Before(next) {
			now = next
		}
		p.begin(now)
		for p.groups = 1; !now.Before(next); next = next.Add(interval) {
			p.signals++
		}
		p.wrote(150, false)
		change(&p)
		now = now.Add(took)
		pause = p.end(now)
		now = now.Add(pause)
	}
	return pause
}

// TestPauses has shards pause that would else be busy, but none for longer
// than its passes take.
func TestPauses(t *testing.T) {
	const ms = time.Millisecond
	secure := func(p *pacer) { p.secure = p.writes }
	for name, c := range map[string]struct {
		took, interval time.Duration
		change         func(*pacer)
		least, most    time.Duration
	}{
		"half busy":               {5 * ms, 10 * ms, func(*pacer) {}, 0, 0},
		"busy":                    {9 * ms, 10 * ms, func(*pacer) {}, ms, 6 * ms},
		"busy beyond its means":   {9 * ms, 5 * ms, func(*pacer) {}, 9 * ms, 9 * ms},
		"long passes":             {40 * ms, 30 * ms, func(*pacer) {}, mostPause, mostPause},
		"short passes":            {ms / 2, ms / 2, func(*pacer) {}, 0, 0},
		"over TLS":                {65 * ms / 10, 10 * ms, secure, 2 * ms, 5 * ms},
		"over TLS, with less":     {4 * ms, 10 * ms, secure, 0, 0},
		"writes that are full":    {9 * ms, 5 * ms, func(p *pacer) { p.bytes = p.writes * fullWrite }, 0, 0},
		"many groups, once each":  {5 * ms, 10 * ms, func(p *pacer) { p.signals, p.groups = 1000, 1000 }, 0, 0},
		"many groups, twice each": {5 * ms, 10 * ms, func(p *pacer) { p.signals, p.groups = 2000, 1000 }, 4 * ms, 5 * ms},
	} {
		if got := pausesOf(c.took, c.interval, c.change); got < c.least || got > c.most {
			t.Errorf("%s: the pause is %v, want %v to %v", name, got, c.least, c.most)
		}
	}
}

// TestAlarm sets the alarm again each time it was told of.
func TestAlarm(t *testing.T) {
	w, err := newWatcher()
	if err != nil {
		t.Fatal(err)
	}
	defer w.close()
	for range 3 {
		begun := time.Now()
		if err := w.alarm(time.Millisecond); err != nil {
			t.Fatal(err)
		}
		changes, err := w.wait()
		if err != nil || len(changes) != 1 || !changes[0].alarm || time.Since(begun) < time.Millisecond {
			t.Fatalf("%+v %v after %v", changes, err, time.Since(begun))
		}
	}
}
