package sqlite

import (
	"math"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// TestTimes has noon of a day as programs write it, and what is no time.
func TestTimes(t *testing.T) {
	noon := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for _, text := range []string{
		"2026-11-30 12:00:00", "2026-11-30 12:00:00.000", "2026-11-30T12:00:00Z", "2026-11-30t12:00:00z", "2026-11-30T12:00:00,000Z",
		"2026-11-30T12:00:00.000000+0000", "2026-11-30T13:00:00+01:00", "2026-11-30 13:00:00+01", "2026-11-30T13:00:00+01:00[Europe/Berlin]",
		"2026-11-30 13:00:00 +0100", "2026-11-30 13:00:00 +01:00", "2026-11-30 12:00:00 UTC", "2026-11-30 12:00:00 +0000 UTC m=+0.1",
		"2026-11-30 13:00:00 +0100 CET", "2026-11-30T12:00", "2026-11-30T12:00Z", "2026/11/30 12:00:00", "2026-11-30 12:00:00 PM",
		"20261130T120000Z", "20261130T120000", "20261130T120000.000Z", "20261130T130000+0100", "20261130120000",
		"Mon, 30 Nov 2026 12:00:00 GMT", "Mon, 30 Nov 2026 13:00:00 +0100", "30 Nov 2026 12:00:00 +0000", "Mon, 30 Nov 2026 07:00:00 EST",
		"Mon Nov 30 12:00:00 2026", "Mon Nov 30 12:00:00 UTC 2026", "Mon Nov 30 13:00:00 CET 2026", "Mon Nov 30 13:00:00 +0100 2026",
		"Monday, 30-Nov-26 12:00:00 GMT", "Mon Nov 30 2026 14:00:00 GMT+0200 (CEST)", "Mon Nov 30 2026 14:00:00 GMT+0200 (Central European Summer Time)",
		"30/Nov/2026:13:00:00 +0100", "30.11.2026 12:00:00", "11/30/2026 12:00:00 PM", "Nov 30, 2026 12:00:00 PM",
		"1796040000000", "1796040000.0", "1796040000000.0", "1796040000000000", "1796040000000000000", "2461375.0", " 2026-11-30 12:00:00\n",
	} {
		if got := timeOf(text); got != noon.UnixMilli() {
			t.Errorf("%q is %d, want %d", text, got, noon.UnixMilli())
		}
	}
	for value, want := range map[any]int64{
		int64(1796040000): 1796040000, "1796040000": 1796040000, int64(1796040000000): 1796040000000, 1796040000.25: 1796040000250,
		int64(1796040000123456): 1796040000123, int64(1796040000123456789): 1796040000123, 2461375.0: noon.UnixMilli(),
		"2026-11-30 12:00:00.123456": noon.UnixMilli() + 123, "1796040000.5": noon.UnixMilli() + 500, "2026-11-30": noon.UnixMilli() - 12*3600*1000,
		"20261130": noon.UnixMilli() - 12*3600*1000, "1970-01-01 00:00:10": 10,
	} {
		if got := timeOf(value); got != want {
			t.Errorf("%v is %d, want %d", value, got, want)
		}
	}
	for _, none := range []any{
		nil, "", " ", "never", "NaN", "Inf", "-", ".", "0x1p4", "1e999", "12:00:00", "2026-13-01 00:00:00", "2026-11-30 12:00:00 XYZ", "11/12/2026", "99999999999999999999",
		math.NaN(), math.Inf(1), math.Inf(-1), 1e300, -1e300, true,
	} {
		if got := timeOf(none); got != 0 {
			t.Errorf("%v is %d, want none", none, got)
		}
	}
}

// TestTimesWritten appends to tables that have times of each kind: it is as theirs.
func TestTimesWritten(t *testing.T) {
	for _, newest := range []string{"1796040000", "1796040000000", "1796040000000000", "1796040000000000000", "1796040000.5", "2461375.25", "'2026-11-30 12:00:00'", "'2026-11-30T12:00:00Z'", "9e999", "NULL"} {
		t.Run(newest, func(t *testing.T) {
			a := newApp(t, filepath.Join(t.TempDir(), "app.db"), appSchema)
			a.setJob(t, "job", "running")
			a.exec(t, "INSERT INTO vibe_events (task_id, event_message, event_time) VALUES ('job', '', "+newest+")")
			s := opened(t, a.path)
			const at = 1_796_040_123_000
			if _, err := s.Append(t.Context(), joblog.Batch{Job: "job", Events: []joblog.Event{{Message: "x", Time: at}}}); err != nil {
				t.Fatal(err)
			}
			page, err := s.Read(t.Context(), joblog.Query{Job: "job", UpTo: everything})
			if err != nil || len(page.Events) != 2 || page.Events[1].Millis() != at {
				t.Errorf("%+v, %v", page.Events, err)
			}
		})
	}
}

// TestTimesOfAnything has what is hardly a time: none is taken for one that it
// cannot be.
func TestTimesOfAnything(t *testing.T) {
	const text = "Mon Nov 30 2026 14:00:00.5 GMT+0200 (CEST) T/-Z9e+99"
	first, last := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli(), time.Date(9999, 12, 31, 23, 59, 59, 1e9-1, time.UTC).UnixMilli()
	seed := uint64(time.Now().UnixNano())
	random := rand.New(rand.NewPCG(seed, 0))
	for range 100_000 {
		from, to := random.IntN(len(text)), random.IntN(len(text))
		b := []byte(text[min(from, to):max(from, to)])
		if len(b) > 0 {
			b[random.IntN(len(b))] = byte(random.IntN(256))
		}
		for _, v := range []any{string(b), b, math.Float64frombits(random.Uint64()), int64(random.Uint64())} {
			if at := timeOf(v); at < first || at > last {
				t.Fatalf("seed %d: %v is %d, which is no time", seed, v, at)
			}
		}
	}
}
