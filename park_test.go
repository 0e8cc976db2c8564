package caddyjobs

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
	"weak"

	"github.com/caddyjobs/caddyjobs/joblog"
)

// parkedSite is one whose heartbeats come too late to hide anything.
func parkedSite(t *testing.T, body string) *site {
	t.Helper()
	if *parkingFlag == "off" {
		*parkingFlag = "on"
		t.Cleanup(func() { *parkingFlag = "off" })
	}
	return newSite(t, strings.Replace(sqliteStore, "poll_interval", "heartbeat 1h\n poll_interval", 1), body)
}

// parkedNow waits until so many streams are parked.
func parkedNow(t *testing.T, n int) {
	t.Helper()
	eventually(t, fmt.Sprintf("%d streams are parked", n), func() bool { return lot().Counts().Parked == int64(n) })
}

// raw is a connection on which a stream was asked for.
func (s *site) raw(t *testing.T, proto, path string) (net.Conn, *http.Response) {
	t.Helper()
	conn, err := net.Dial("unix", filepath.Join(s.dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	fmt.Fprintf(conn, "GET %s %s\r\nHost: site\r\n\r\n", path, proto)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return conn, resp
}

// TestParked follows streams that are parked to the end of their job.
func TestParked(t *testing.T) {
	for name, body := range map[string]string{
		"plain":      both,
		"middleware": "log\nheader >X-Test yes\nencode gzip\nrequest_body {\n max_size 1MB\n}\nintercept {\n @broken status 500\n replace_status @broken 502\n}\npush\ntemplates {\n mime text/html\n}\n" + both,
	} {
		t.Run(name, func(t *testing.T) {
			s := parkedSite(t, body)
			s.post(t, "job", "one")
			streams := []*stream{
				s.get(t, "/jobs/job/logs"), s.get(t, "/jobs/job/logs?format=ndjson"),
				s.get(t, "/jobs/job/logs?severity=error"), s.get(t, "/jobs/job/logs?format=text&tail=0"),
			}
			parkedNow(t, len(streams))
			if name == "middleware" && streams[0].header.Get("X-Test") != "yes" {
				t.Error("the head did not pass the middleware")
			}
			s.post(t, "job", "two", "three")
			streams[0].until(`"three"`)
			s.put(t, "job", "completed")
			for i, end := range []string{
				"data: {\"type\":\"complete\",\"state\":\"completed\"}\n\n",
				`"three","severity":"info","event_time":1234567891000}}` + "\n" + `{"type":"complete","state":"completed"}` + "\n",
				"id: 3_1vtskr6\ndata: {\"type\":\"complete\",\"state\":\"completed\"}\n\n", "two\nthree\n-- job completed\n",
			} {
				if got := streams[i].rest(); !strings.HasSuffix(got, end) {
					t.Errorf("stream %d ended with %q, want %q", i, got, end)
				}
			}
			parkedNow(t, 0)
		})
	}
}

// TestParkedLeaves has the only viewer, who was parked, leave: nothing holds the
// job's rows any more.
func TestParkedLeaves(t *testing.T) {
	s := parkedSite(t, both)
	s.post(t, "job", "one")
	st := s.get(t, "/jobs/job/logs")
	parkedNow(t, 1)
	s.post(t, "job", "two")
	st.until("two")
	var em weak.Pointer[joblog.Emitter]
	hubs.Range(func(_, value any) bool {
		h := value.(*hub)
		h.mu.Lock()
		defer h.mu.Unlock()
		em = weak.Make(h.watched["job"].em)
		return true
	})
	st.close()
	eventually(t, "the emitter is gone", func() bool {
		runtime.GC()
		return em.Value() == nil
	})
}

// TestParkedHangUp has clients go away, which is noticed without a heartbeat.
func TestParkedHangUp(t *testing.T) {
	s := parkedSite(t, both)
	s.post(t, "job", "one")
	conn, _ := s.raw(t, "HTTP/1.1", "/jobs/job/logs")
	st := s.get(t, "/jobs/job/logs")
	parkedNow(t, 2)
	_ = conn.Close()
	parkedNow(t, 1)
	st.close()
	parkedNow(t, 0)
	eventually(t, "nobody holds the store", func() bool { return watchedJobs() == 0 })
}

// watchedJobs is how many jobs have emitters.
func watchedJobs() (n int) {
	hubs.Range(func(_, value any) bool {
		h := value.(*hub)
		h.mu.Lock()
		defer h.mu.Unlock()
		n += len(h.watched)
		return true
	})
	return n
}

// TestParkedOld is a client that knows no chunks.
func TestParkedOld(t *testing.T) {
	s := parkedSite(t, both)
	s.post(t, "job", "one")
	_, resp := s.raw(t, "HTTP/1.0", "/jobs/job/logs?format=text")
	parkedNow(t, 1)
	s.post(t, "job", "two")
	s.put(t, "job", "completed")
	if b, err := io.ReadAll(resp.Body); err != nil || string(b) != "one\ntwo\n-- job completed\n" {
		t.Errorf("got %q, %v", b, err)
	}
}

// TestKept are responses that must not leave their handlers.
func TestKept(t *testing.T) {
	for name, body := range map[string]string{
		"buffered": "templates {\n mime text/event-stream\n}\n" + both,
		"encoded":  "header Content-Encoding identity\n" + both,
	} {
		t.Run(name, func(t *testing.T) {
			s := parkedSite(t, body)
			logged(t, s, "job", 2, "running")
			ended := make(chan string, 1)
			go func() { ended <- s.get(t, "/jobs/job/logs").rest() }() // what is buffered comes at the end
			eventually(t, "the job is watched", func() bool { return watchedJobs() == 1 })
			s.post(t, "job", "more")
			s.put(t, "job", "completed")
			if body := <-ended; !strings.Contains(body, `"more"`) {
				t.Errorf("got %q", body)
			}
			if n := lot().Counts().Parked; n != 0 {
				t.Errorf("%d streams are parked", n)
			}
		})
	}
}

// TestParkedStall has a client read nothing while its job logs more than any
// buffer holds. It costs no goroutine, and the others nothing.
func TestParkedStall(t *testing.T) {
	s := parkedSite(t, both)
	s.post(t, "job", "first")
	_, stalled := s.raw(t, "HTTP/1.1", "/jobs/job/logs?format=text")
	swift := s.get(t, "/jobs/job/logs?format=text")
	swift.until("first")
	parkedNow(t, 2)
	const rounds, rows = 20, 50
	line := strings.Repeat("x", 4<<10)
	for i := range rounds {
		messages := make([]string, rows)
		for k := range messages {
			messages[k] = fmt.Sprintf("row %d %s", i*rows+k, line)
		}
		s.post(t, "job", messages...)
		swift.until(fmt.Sprintf("row %d ", i*rows+rows-1))
		parkedNow(t, 2)
	}
	s.put(t, "job", "completed")
	swift.rest()
	body := bufio.NewReader(stalled.Body)
	for i := -1; i <= rounds*rows; i++ {
		got, err := body.ReadString('\n')
		want := fmt.Sprintf("row %d %s\n", i, line)
		switch i {
		case -1:
			want = "first\n"
		case rounds * rows:
			want = "-- job completed\n"
		}
		if err != nil || got != want {
			t.Fatalf("line %d is %.40q, %v; want %.40q", i, got, err, want)
		}
	}
	parkedNow(t, 0)
}

// TestParkedReload takes the store of a parked stream out of the config: it is
// told to come again.
func TestParkedReload(t *testing.T) {
	s := parkedSite(t, both)
	s.post(t, "job", "one")
	st := s.get(t, "/jobs/job/logs")
	parkedNow(t, 1)
	s.load(t, strings.Replace(sqliteStore, "20ms", "30ms", 1), both)
	s.post(t, "job", "two")
	st.until(`"two"`)
	s.load(t, "", "respond gone")
	if rest := st.rest(); !strings.HasSuffix(rest, "event: bye\ndata: {}\n\n") {
		t.Errorf("the stream ended with %q", rest)
	}
	parkedNow(t, 0)
}

// TestParkedDismissed takes away the store of a client that reads nothing: it
// is not waited for.
func TestParkedDismissed(t *testing.T) {
	s := parkedSite(t, both)
	s.post(t, "job", "one")
	s.raw(t, "HTTP/1.1", "/jobs/job/logs")
	swift := s.get(t, "/jobs/job/logs")
	parkedNow(t, 2)
	for i := range 10 {
		s.post(t, "job", strings.Repeat("x", 200_000), fmt.Sprint("part ", i))
		swift.until(fmt.Sprintf(`"part %d"`, i))
	}
	s.load(t, "", "respond gone")
	swift.rest()
	parkedNow(t, 0)
}

// captured is an output.
type captured struct{ bytes.Buffer }

func (c *captured) Send(b []byte) (full bool, err error) {
	_, err = c.Write(b[joblog.ChunkRoom:])
	return false, err
}

// TestParkedAfterFailure parks a stream whose log could not be read at first: it
// does not go on to say that it waits.
func TestParkedAfterFailure(t *testing.T) {
	inHub(t, func(t *testing.T, s *table, h *hub) {
		s.write("a")
		s.deny = map[string]error{"a": joblog.ErrUnserved}
		seat := watchJob(t, h, "a")
		out := new(captured)
		v := &viewer{hub: h, out: out, heartbeat: time.Hour, stall: time.Hour, stream: joblog.NewStream(h, seat.em, joblog.Options{Tail: -1})}
		v.seat.Store(seat)
		v.permit.Store(&permit{rules: new(rules)})
		time.AfterFunc(10*time.Second, func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.deny = nil
		})
		if got := v.run(t.Context(), room(), joblog.More, nil, func(state joblog.State) bool { return state == joblog.Idle }); got != parked {
			t.Errorf("the outcome is %d", got)
		}
		if body := out.String(); strings.Count(body, `"log"`) != 1 {
			t.Errorf("got %q", body)
		}
		if said, _, _ := v.Tick(room(), time.Hour, false); string(said[joblog.ChunkRoom:]) != ":\n" {
			t.Errorf("parked, it says %q", said[joblog.ChunkRoom:])
		}
		v.leave()
	})
}
