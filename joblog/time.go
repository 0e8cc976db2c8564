package joblog

import "math"

// A number tells its unit by its size: what would be a time after the year 5138
// is of the next smaller unit. Of the smaller units, numbers from March 1973 on
// are known that way.
const (
	lastSeconds = 100_000_000_000
	lastMillis  = lastSeconds * 1000
	lastMicros  = lastMillis * 1000
)

// Events have times of the years 1 to 9999, in milliseconds.
const (
	firstTime = -62_135_596_800_000
	lastTime  = 253_402_300_799_999
)

// Millis converts a time in seconds, milliseconds, microseconds or nanoseconds
// since 1970 to milliseconds. The size of the number tells its unit: below
// 100,000,000,000 (the year 5138) they are seconds, and a thousand and a million
// times that are where microseconds and nanoseconds begin.
func Millis(t int64) int64 {
	switch {
	case within(t, lastSeconds):
		return t * 1000
	case within(t, lastMillis):
		return t
	case within(t, lastMicros):
		return t / 1000
	default:
		return t / 1_000_000
	}
}

func within(t, size int64) bool { return -size < t && t < size }

// AsTime is what the Time of an event is whose row has the number n: seconds and
// milliseconds as they are, microseconds and nanoseconds in milliseconds, and 0
// if no time of the years 1 to 9999 is meant.
func AsTime(n int64) int64 {
	switch ms := Millis(n); {
	case ms < firstTime || ms > lastTime:
		return 0
	case within(n, lastMillis):
		return n
	default:
		return ms
	}
}

// AsTimeFraction is AsTime for a number that may have a fraction: seconds become
// milliseconds, too. Infinity, and what is no number, is 0.
func AsTimeFraction(f float64) int64 {
	if math.Abs(f) < lastSeconds {
		if f = math.Round(f * 1000); f < firstTime || f > lastTime {
			return 0
		}
		return int64(f)
	}
	if math.Abs(f) < math.MaxInt64 { // false of what is no number
		return AsTime(int64(math.Round(f)))
	}
	return 0
}
