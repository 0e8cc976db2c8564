package caddyjobs

import (
	"fmt"
	"strings"
	"testing"
)

// TestReload loads one config after another under an open stream, which goes
// on and loses nothing.
func TestReload(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	s.post(t, "job", "line 0")
	st := s.get(t, "/jobs/job/logs")
	got := st.until("caught_up")
	for i := 1; i <= 10; i++ {
		s.load(t, strings.Replace(sqliteStore, "20ms", fmt.Sprintf("%dms", 20+i), 1), both)
		s.client.CloseIdleConnections() // the old config's
		s.post(t, "job", fmt.Sprintf("line %d", i))
		got += st.until(fmt.Sprintf(`"line %d"`, i))
	}
	s.put(t, "job", "completed")
	if got += st.rest(); messages(got) != "0 1 2 3 4 5 6 7 8 9 10" {
		t.Errorf("got\n%s", got)
	}
	if n := held(); n != 1 {
		t.Errorf("%d stores are held, want one", n)
	}
}

// held is how many stores are in use.
func held() (n int) {
	hubs.Range(func(_, _ any) bool { n++; return true })
	return n
}

// TestStoreGone loads a config that does not have the store of an open stream.
func TestStoreGone(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	s.post(t, "job", "line 0")
	st := s.get(t, "/jobs/job/logs")
	st.until("caught_up")
	s.load(t, strings.Replace(sqliteStore, "{db}", "{db}2", 1), both)
	if got := st.rest(); !strings.Contains(got, "retry: ") || !strings.HasSuffix(got, "\n\nevent: bye\ndata: {}\n\n") {
		t.Errorf("the stream ended with %q", got)
	}
}

// TestUnused runs a config in which nobody asks for anything: no store is
// opened, and none is left at the end.
func TestUnused(t *testing.T) {
	s := newSite(t, sqliteStore, both)
	if st := s.get(t, "/elsewhere"); st.status != 299 {
		t.Errorf("%d", st.status)
	}
	if files := filesIn(t, s.dir); len(files) != 1 { // the socket
		t.Errorf("there are %q", files)
	}
	eventually(t, "what earlier tests held is given back", func() bool { return held() == 1 })
	s.load(t, "", "respond x")
	if n := held(); n != 0 {
		t.Errorf("%d stores are held by a config that has none", n)
	}
}
