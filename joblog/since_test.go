package joblog

import (
	"context"
	"testing"
	"time"
)

// vacant is a store without rows.
type vacant struct{}

func (vacant) Position() Cursor { return Cursor{} }

func (vacant) Read(context.Context, Query) (Page, error) { return Page{}, nil }

// TestSince pulls rows that became visible at known times: the time of a Pull
// is that of its first row that passed the filters.
func TestSince(t *testing.T) {
	em, at := NewEmitter("a"), time.Now()
	em.Open(Cursor{})
	s := NewStream(vacant{}, em, Options{Tail: -1, Rank: rankOf("error")})
	defer s.Close()
	pull := func(want time.Time) {
		t.Helper()
		for state := More; state != Idle; {
			var err error
			if _, state, err = s.Pull(t.Context(), nil); err != nil {
				t.Fatal(err)
			}
		}
		if got := s.Since(); !got.Equal(want) {
			t.Errorf("since %v, want %v", got, want)
		}
	}
	pull(time.Time{})
	for i, severity := range []string{"info", "error", "error"} {
		em.Append(Cursor{N: int64(i + 1)}, at.Add(time.Duration(i-1)*time.Hour), []Event{{ID: int64(i + 1), Job: "a", Severity: severity}})
	}
	pull(at)
	pull(time.Time{})
	em.Append(Cursor{N: 4}, at.Add(3*time.Hour), []Event{{ID: 4, Job: "a", Severity: "error"}})
	pull(at.Add(3 * time.Hour))
}
