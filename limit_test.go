package caddyjobs

import (
	"strings"
	"testing"
)

// TestFiles says what to do about a low limit of open files.
func TestFiles(t *testing.T) {
	if advice := adviseFiles(1024); !strings.Contains(advice, "may have 1024 open files") || !strings.Contains(advice, "LimitNOFILE=") {
		t.Errorf("advice %q", advice)
	}
	if advice := adviseFiles(1 << 20); advice != "" {
		t.Errorf("needless advice %q", advice)
	}
	for limit, want := range map[uint64]int64{64: 32, 512: 256, 1024: 768, 1 << 63: 1 << 40} {
		if got := mostStreams(limit); got != want {
			t.Errorf("%d streams with %d files, want %d", got, limit, want)
		}
	}
	if limit, known := openFiles(); !known || limit == 0 {
		t.Errorf("the limit is %d, known %v", limit, known)
	}
}

// TestTooMany refuses viewers in the stream, so that they come again, and has
// room again when others have left.
func TestTooMany(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	s.post(t, "job", "one")
	eventually(t, "earlier streams are gone", func() bool { return everyone.count() == 0 })
	most := everyone.most
	everyone.most = func() int { return 2 }
	defer func() { everyone.most = most }()
	first, second := s.get(t, "/jobs/job/logs"), s.get(t, "/jobs/job/logs?format=text")
	first.until("caught_up")
	second.until("one")
	st := s.get(t, "/jobs/job/logs")
	if body := st.rest(); st.status != 200 || !strings.HasPrefix(body, "retry: ") || !strings.Contains(body, "event: error\ndata: {\"reason\":\"there are as many viewers") {
		t.Errorf("%d %q", st.status, body)
	}
	if st := s.get(t, "/jobs/job/logs?format=text"); st.status != 503 || st.header.Get("Retry-After") == "" {
		t.Errorf("%d %v", st.status, st.header)
	}
	first.close()
	eventually(t, "there is room again", func() bool { return everyone.count() == 1 })
	s.get(t, "/jobs/job/logs").until("caught_up")
}
