package caddyjobs

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// limitedSite is a site whose clients' addresses are what they say.
func limitedSite(t *testing.T, limits string) *site {
	t.Helper()
	options := strings.Replace(sqliteStore, "jobs {", "servers {\n trusted_proxies static private_ranges\n trusted_proxies_unix\n}\njobs {\n limits {\n"+limits+"\n }\n", 1)
	s := newSite(t, options, both)
	s.post(t, "job", "one")
	s.post(t, "other", "one")
	eventually(t, "earlier streams are gone", func() bool { return everyone.count() == 0 })
	return s
}

// comes is whether a viewer of a job from an address is let in; its stream stays open.
func (s *site) comes(t *testing.T, job, address string) (st *stream, in bool) {
	t.Helper()
	st = s.get(t, "/jobs/"+job+"/logs", "X-Forwarded-For", address)
	if st.status != http.StatusOK {
		t.Fatalf("status %d; a client that is refused for now must come again", st.status)
	}
	head := st.until("data: ")
	return st, !strings.Contains(head, "event: error\n")
}

// TestLimits lets viewers in up to a limit of each kind, and one more once one
// has left.
func TestLimits(t *testing.T) {
	for _, c := range []struct{ limits, job, from, elsewhere, kind string }{
		{"viewers 2", "job", "192.0.2.1", "", "viewers"},
		{"per_address 2", "job", "192.0.2.1", "192.0.2.2", "viewers per address"},
		{"per_address 2", "job", "2001:db8::%d", "2001:db8:0:1::1", "viewers per address"}, // one /64
		{"per_address 2", "job", "::ffff:192.0.2.1", "192.0.2.2", "viewers per address"},
		{"per_job 2", "job", "192.0.2.%d", "", "viewers per job"},
	} {
		t.Run(c.limits+" "+c.from, func(t *testing.T) {
			s := limitedSite(t, c.limits)
			before := figures(t)
			from := func(i int) string { return strings.Replace(c.from, "%d", fmt.Sprint(i), 1) }
			first, in := s.comes(t, c.job, from(1))
			_, in2 := s.comes(t, c.job, from(2))
			if !in || !in2 {
				t.Fatal("the limit is lower")
			}
			if _, in := s.comes(t, c.job, from(3)); in {
				t.Error("the limit is higher")
			}
			if c.elsewhere != "" {
				if _, in := s.comes(t, c.job, c.elsewhere); !in {
					t.Error("another address is refused")
				}
			}
			if strings.HasPrefix(c.limits, "per_job") {
				if _, in := s.comes(t, "other", from(4)); !in {
					t.Error("another job is refused")
				}
			}
			name := "caddyjobs_refusals_total{reason=" + c.kind + "}"
			if got := figures(t)[name] - before[name]; got != 1 {
				t.Errorf("%s rose by %v", name, got)
			}
			open := everyone.count()
			first.close()
			eventually(t, "one has left", func() bool { return everyone.count() == open-1 })
			if _, in := s.comes(t, c.job, from(4)); !in {
				t.Error("there is no room though one has left")
			}
		})
	}
}

// TestLimitsForget sees to it that who has left is not counted, nor remembered.
func TestLimitsForget(t *testing.T) {
	s := limitedSite(t, "per_address 1")
	for i := range 3 {
		st, in := s.comes(t, "job", "192.0.2.1")
		if !in {
			t.Fatalf("viewer %d is refused", i)
		}
		if st := s.get(t, "/jobs/nobody/logs", "X-Forwarded-For", "192.0.2.2"); st.status != http.StatusNotFound {
			t.Fatal(st.status)
		}
		st.close()
		eventually(t, "it has left", func() bool { return everyone.count() == 0 })
	}
	everyone.mu.Lock()
	defer everyone.mu.Unlock()
	if n := len(everyone.from) + len(everyone.users) + len(everyone.jobs); n != 0 {
		t.Errorf("%d are counted though nobody is there", n)
	}
}

// TestChosenAddress has servers trust proxies in ways in which a client can choose
// its address, and in which it cannot: whoever limits addresses is warned, once.
func TestChosenAddress(t *testing.T) {
	const limited, strict, other = "jobs {\n limits {\n per_address 2\n }", "trusted_proxies_strict\n", "client_ip_headers CF-Connecting-IP\n"
	const trust, unix = "trusted_proxies static private_ranges\n", "trusted_proxies_unix\n"
	for _, c := range []struct {
		servers, jobs, body string
		warns               int
	}{
		{trust, limited, both, 1},
		{unix, limited, both, 1},
		{trust, "jobs {", "jobs_ingest {\n rate 5\n}\n" + both, 1},
		{trust, limited, both + "jobs_logs\n", 1},
		{trust + strict, limited, both, 0},
		{trust + other, limited, both, 0},
		{"", limited, both, 0},
		{trust, "jobs {", both, 0},
	} {
		log := filepath.Join(t.TempDir(), "log")
		options := "log {\n output file " + unrolled(log) + "\n}\nservers {\n" + c.servers + "}\n" + strings.Replace(sqliteStore, "jobs {", c.jobs, 1)
		newSite(t, options, c.body)
		written, err := os.ReadFile(log)
		if n := strings.Count(string(written), "clients can choose the address"); err != nil || n != c.warns {
			t.Errorf("with %q and %q there are %d warnings, want %d: %v", c.servers, c.jobs, n, c.warns, err)
		}
	}
}

// TestLimitNowhere has viewers come through a unix socket that is not trusted to
// tell their addresses: they are one client, whatever they say.
func TestLimitNowhere(t *testing.T) {
	s := newSite(t, strings.Replace(sqliteStore, "jobs {", "jobs {\n limits {\n per_address 2\n }", 1), both)
	s.post(t, "job", "one")
	eventually(t, "earlier streams are gone", func() bool { return everyone.count() == 0 })
	first, in := s.comes(t, "job", "192.0.2.1")
	_, in2 := s.comes(t, "job", "192.0.2.2")
	if !in || !in2 {
		t.Fatal("the limit is lower")
	}
	if _, in := s.comes(t, "job", "192.0.2.3"); in {
		t.Error("the limit is higher")
	}
	first.close()
	eventually(t, "one has left", func() bool { return everyone.count() == 1 })
	if _, in := s.comes(t, "job", "192.0.2.4"); !in {
		t.Error("there is no room though one has left")
	}
}

// TestLimitUsers counts the viewers of one user, wherever they come from.
func TestLimitUsers(t *testing.T) {
	r := newRoster()
	l := &Limits{PerUser: 1}
	let := func(user, address string) *refusal {
		v := &viewer{client: client{user: user, address: netip.MustParseAddr(address)}}
		v.job.ID = address
		if refused := r.enter(v, l); refused != nil {
			return refused
		}
		refused := r.settle(v, l)
		if refused != nil {
			r.leave(v)
		}
		return refused
	}
	for _, c := range []struct {
		user, address string
		in            bool
	}{{"ann", "192.0.2.1", true}, {"ann", "192.0.2.2", false}, {"bob", "192.0.2.1", true}, {"", "192.0.2.1", true}, {"", "192.0.2.1", true}} {
		if refused := let(c.user, c.address); (refused == nil) != c.in {
			t.Errorf("%q from %s: %v", c.user, c.address, refused)
		}
	}
	if n := r.count(); n != 4 {
		t.Errorf("%d are counted", n)
	}
}

// TestNewcomers lets in as many as may come in a second, at once, and no more.
func TestNewcomers(t *testing.T) {
	s := limitedSite(t, "new_per_second 3")
	in := 0
	for range 20 {
		if st := s.get(t, "/jobs/nobody/logs"); st.status == http.StatusNotFound {
			in++
		}
	}
	if in < 3 || in > 10 { // a slow machine takes seconds
		t.Errorf("%d of 20 were let in", in)
	}
}

// TestRates takes so many events a second from each client, all of a request or
// none.
func TestRates(t *testing.T) {
	s := newSite(t, sqliteStore, "jobs_ingest {\n rate 3\n max_event 100\n}\njobs_logs")
	post := func(body string, headers ...string) (int, string, http.Header) {
		st := s.open(t, http.MethodPost, "/jobs/job/logs", body, append(headers, "Content-Type", "text/plain")...)
		return st.status, st.rest(), st.header
	}
	all := strings.Repeat("a line\n", 1000) // to be waited for longer than this takes
	if status, text, _ := post(all); status != http.StatusOK {
		t.Fatal(status, text)
	}
	status, text, header := post("1\n2\n3\n")
	if status != http.StatusTooManyRequests || header.Get("Retry-After") == "" || !strings.Contains(text, "more than 3 events a second") {
		t.Errorf("%d %q %v", status, text, header)
	}
	if status, text, _ := post(strings.Repeat("x", 101)); status != http.StatusRequestEntityTooLarge || !strings.Contains(text, "event 1 has more than 100 bytes") {
		t.Errorf("%d %q", status, text)
	}
	if st := s.open(t, http.MethodPut, "/jobs/job/state", `{"state":"completed"}`); st.status != http.StatusTooManyRequests || st.header.Get("Retry-After") == "" {
		t.Errorf("a state: %d %v", st.status, st.header)
	}
	if status, text, _ := post(strings.Repeat("x\n", 1001)); status != http.StatusRequestEntityTooLarge || !strings.Contains(text, "at a rate of 3 events a second a request has 1000 at most") {
		t.Errorf("%d %q", status, text)
	}
	if got := s.get(t, "/jobs/job/logs?follow=false&format=text").rest(); got != all {
		t.Errorf("stored are %d bytes: %.100q", len(got), got)
	}
}

// TestRatesInTime sends as fast as may be, in small requests and in large ones:
// a second's worth and then what the time allows, and no more.
func TestRatesInTime(t *testing.T) {
	for _, events := range []int{1, 7, 10, 1000} {
		synctest.Test(t, func(t *testing.T) {
			const limit, seconds = 10, 1000
			r, one := newRates(limit), client{user: "one"}
			taken := 0
			for begun := time.Now(); time.Since(begun) < seconds*time.Second; {
				var late *tooFastError
				switch err := r.take(one, events); {
				case err == nil:
					taken += events
				case !errors.As(err, &late):
					t.Fatal(err)
				default:
					elapse(time.Duration(late.seconds) * time.Second)
				}
			}
			most := limit*(seconds+1) + events
			if taken > most || taken < most*2/3 {
				t.Errorf("in requests of %d, %d events were taken in %d s", events, taken, seconds)
			}
		})
	}
}

// TestRatesAtOnce has requests of as many events as may be, and of one more.
func TestRatesAtOnce(t *testing.T) {
	for limit, most := range map[int]int{1: 1000, 999: 1000, 1001: 1001, 50_000: 50_000} {
		r := newRates(limit)
		if err := r.take(client{user: "one"}, most+1); !errors.Is(err, errTooLarge) {
			t.Errorf("%d events at a rate of %d: %v", most+1, limit, err)
		}
		if err := r.take(client{user: "one"}, most); err != nil { // those that were refused cost nothing
			t.Errorf("%d events at a rate of %d: %v", most, limit, err)
		}
	}
}

// TestRatesForget has many clients, which are known for as long as they matter.
func TestRatesForget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRates(1)
		for i := range 4 * manyClients {
			if err := r.take(client{address: netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)})}, 1); err != nil {
				t.Fatalf("client %d, which is new: %v", i, err)
			}
			elapse(time.Millisecond)
		}
		if len(r.paid) > 3*manyClients {
			t.Errorf("%d clients are known", len(r.paid))
		}
	})
}

// TestAdmin shows who watches, page by page, and ends a stream.
func TestAdmin(t *testing.T) {
	s := limitedSite(t, "")
	streams := []*stream{
		s.get(t, "/jobs/job/logs", "X-Forwarded-For", "192.0.2.7"), s.get(t, "/jobs/job/logs?format=text"), s.get(t, "/jobs/other/logs"),
	}
	for _, st := range streams {
		st.until("one")
	}
	ask := func(method, path string) (int, string) {
		r, w := httptest.NewRequest(method, path, nil), httptest.NewRecorder()
		var err error
		for _, route := range (adminAPI{}).Routes() {
			if path, _, _ := strings.Cut(path, "?"); path == route.Pattern || strings.HasSuffix(route.Pattern, "/") && strings.HasPrefix(path, route.Pattern) {
				err = route.Handler.ServeHTTP(w, r)
			}
		}
		if err != nil {
			return 0, err.Error()
		}
		return w.Code, w.Body.String()
	}
	eventually(t, "all are live", func() bool {
		_, text := ask("GET", "/jobs/viewers")
		return strings.Count(text, `"events":1,`) == 3 && strings.Count(text, `"lag":0,"live":true`) == 3
	})
	for path, want := range map[string]string{
		"/jobs/watched":                                   `{"jobs":[{"store":"default","job":"job","viewers":2},{"store":"default","job":"other","viewers":1}]}`,
		"/jobs/watched?limit=1":                           `{"jobs":[{"store":"default","job":"job","viewers":2}],"next":"default/job"}`,
		"/jobs/watched?limit=1&after=default/job":         `{"jobs":[{"store":"default","job":"other","viewers":1}]}`,
		"/jobs/watched?store=elsewhere":                   `{"jobs":[]}`,
		"/jobs/watched?limit=0":                           `limit: "0" is not a number from 1 to 1000`,
		"/jobs/viewers?after=x":                           `after: "x" is no viewer's number`,
		"/jobs/viewers?job=nobody":                        `{"viewers":[]}`,
		fmt.Sprint("/jobs/viewers?after=", uint64(1)<<63): `{"viewers":[]}`,
	} {
		if _, text := ask("GET", path); strings.TrimSpace(text) != want {
			t.Errorf("%s: %s, want %s", path, text, want)
		}
	}
	_, text := ask("GET", "/jobs/viewers?limit=1")
	var number, next int
	if _, err := fmt.Sscanf(text, `{"viewers":[{"viewer":%d,`, &number); err != nil {
		t.Fatal(text)
	}
	_, tail, _ := strings.Cut(text, `"next":`)
	if _, err := fmt.Sscan(tail, &next); err != nil || next != number || !strings.Contains(text, `"address":"192.0.2.7"`) || !strings.Contains(text, `"path":"/jobs/{id}/logs"`) {
		t.Errorf("the first page is %s", text)
	}
	if status, text := ask("DELETE", fmt.Sprint("/jobs/viewers/", number)); status != http.StatusNoContent {
		t.Errorf("%d %s", status, text)
	}
	if got := streams[0].rest(); !strings.Contains(got, "event: bye\ndata: {\"reason\":\"who operates") || !strings.Contains(got, "retry: ") {
		t.Errorf("who was kicked got %q", got)
	}
	s.post(t, "job", "two")
	streams[1].until("two")
	for _, path := range []string{fmt.Sprint("/jobs/viewers/", number), "/jobs/viewers/x", "/jobs/viewers/"} {
		eventually(t, "the viewer is gone", func() bool {
			status, text := ask("DELETE", path)
			return status == 0 && strings.Contains(text, "no")
		})
	}
	if _, text := ask("POST", "/jobs/viewers"); text != "only GET is" {
		t.Error(text)
	}
}
