package joblog

import (
	"math"
	"slices"
	"strings"
	"testing"
)

// TestAsTime has numbers of all units, and some that are no times.
func TestAsTime(t *testing.T) {
	for _, c := range []struct{ n, time, millis int64 }{
		{0, 0, 0},
		{1, 1, 1000},
		{1_700_000_000, 1_700_000_000, 1_700_000_000_000},
		{99_999_999_999, 99_999_999_999, 99_999_999_999_000},
		{1_700_000_000_123, 1_700_000_000_123, 1_700_000_000_123},
		{-1_000_000_000_000, -1_000_000_000_000, -1_000_000_000_000},
		{1_700_000_000_123_456, 1_700_000_000_123, 1_700_000_000_123},
		{1_700_000_000_123_456_789, 1_700_000_000_123, 1_700_000_000_123},
		{-99_999_999_999, 0, 0}, // 1,200 years before Christ
		{math.MaxInt64, 9_223_372_036_854, 9_223_372_036_854},
		{math.MinInt64, -9_223_372_036_854, -9_223_372_036_854},
	} {
		e := Event{Time: AsTime(c.n)}
		if e.Time != c.time || e.Millis() != c.millis {
			t.Errorf("%d: time %d, %d ms; want %d, %d ms", c.n, e.Time, e.Millis(), c.time, c.millis)
		}
	}
}

func TestAsTimeFraction(t *testing.T) {
	for f, want := range map[float64]int64{
		1_700_000_000.5:     1_700_000_000_500,
		1_700_000_000.123:   1_700_000_000_123,
		-70_000_000.25:      -70_000_000_250,
		1_700_000_000_123.4: 1_700_000_000_123,
		1.7e15:              1_700_000_000_000,
		1.7e18:              1_700_000_000_000,
		1e19:                0,
		-9.9e10:             0,
		math.Inf(1):         0,
		math.Inf(-1):        0,
	} {
		if got := AsTimeFraction(f); got != want {
			t.Errorf("%g: %d, want %d", f, got, want)
		}
	}
	if got := AsTimeFraction(math.NaN()); got != 0 {
		t.Errorf("NaN: %d", got)
	}
}

// TestWords finds the rows of a rank by words as the rank itself would.
func TestWords(t *testing.T) {
	for r := RankTrace; r <= RankCritical; r++ {
		words, listed := r.Words()
		for _, severity := range []string{"", "odd", "Trace", "debug", "info", "LOG", "notice", "Warn", "err", "Critical", "panic"} {
			if found := slices.Contains(words, strings.ToLower(severity)) == listed; found != (rankOf(severity) >= r) {
				t.Errorf("rank %d: %q is found: %t", r, severity, found)
			}
		}
	}
}
