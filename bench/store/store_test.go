package store

import (
	"bufio"
	"fmt"
	"net"
	"testing"

	"go.uber.org/goleak"

	"github.com/caddyjobs/caddyjobs/joblog"
	"github.com/caddyjobs/caddyjobs/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestStore(t *testing.T) {
	storetest.Run(t, func(t *testing.T) storetest.Fixture {
		r := newRows(false)
		open := func(t testing.TB) joblog.Store {
			s := newStore(r, "")
			t.Cleanup(func() { _ = s.Close() })
			return s
		}
		return storetest.Fixture{
			Store:  open(t),
			Reopen: open,
			Insert: func(_ testing.TB, job string, events ...joblog.Event) []int64 { return r.insert(job, events...) },
			SetJob: func(_ testing.TB, job, state string) { r.setState(job, state) },
		}
	})
}

// TestFeed has jobs on demand, events and an end by the feed, and a question.
func TestFeed(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close()
	s := (&Driver{Feed: address}).Open(nil)
	defer s.Close()
	a, b := joblog.Ask{ID: "a", AnyOwner: true}, joblog.Ask{ID: "b", AnyOwner: true}
	if jobs, err := s.Jobs(t.Context(), []joblog.Ask{a}); err != nil || jobs[a].State != running {
		t.Fatalf("got %v, %v", jobs, err)
	}
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := fmt.Fprint(conn, "a one line\nb other\na !completed\n?\n"); err != nil {
		t.Fatal(err)
	}
	if answer, err := bufio.NewReader(conn).ReadString('\n'); err != nil || answer != "0\n" {
		t.Fatalf("got %q, %v", answer, err)
	}
	page, err := s.Read(t.Context(), joblog.Query{Job: "a", UpTo: joblog.Cursor{N: 9}})
	if err != nil || len(page.Events) != 1 || page.Events[0].Message != "one line" {
		t.Errorf("got %+v, %v", page, err)
	}
	if jobs, err := s.Jobs(t.Context(), []joblog.Ask{a, b}); err != nil || !jobs[a].Terminal || jobs[b].Terminal {
		t.Errorf("got %v, %v", jobs, err)
	}
}
