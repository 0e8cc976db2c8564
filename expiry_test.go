package caddyjobs

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// rare has heartbeats that come too late to end anything.
func rare(options string) string {
	return strings.Replace(options, "poll_interval", "heartbeat 1h\n poll_interval", 1)
}

// overIn is a time in whole seconds, as tokens and links have it, that is soon,
// and not before a stream is open.
func overIn() time.Time { return time.Now().Add(2500 * time.Millisecond).Truncate(time.Second) }

// TestExpire has streams end with the token or link that let them in: not
// before, nor at some heartbeat. Who then comes again is refused for good.
func TestExpire(t *testing.T) {
	for name, protocols := range map[string]string{"HTTP/1.1": "h1", "HTTP/2": "h1 h2c"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "servers {\n protocols "+protocols+"\n}\n"+rare(withLinks(sqliteStore)), needing(withSecret))
			if name == "HTTP/2" {
				transport := s.client.Transport.(*http.Transport)
				transport.Protocols = new(http.Protocols)
				transport.Protocols.SetUnencryptedHTTP2(true)
			}
			s.post(t, "hers", "one")
			before := figures(t)["caddyjobs_streams_ended_total{reason=auth expired}"]
			lasts := s.get(t, "/jobs/hers/logs", "Authorization", "Bearer "+claimed(t, tokenSecret, nil))
			lasts.until("caught_up")
			over := overIn()
			token := claimed(t, tokenSecret, jwt.MapClaims{"exp": over.Unix()})
			link := linkTo(t, "hers", over)
			ways := [][]string{
				{"/jobs/hers/logs", "Authorization", "Bearer " + token},
				{"/jobs/hers/logs?format=ndjson", "Cookie", "__Host-jobs=" + token},
				{"/jobs/hers/logs?format=text", "Authorization", "Bearer " + token},
				{"/jobs/hers/logs?link=" + link, "X", ""},
				{"/jobs/hers/logs?severity=error", "Cookie", plainCookie + "=" + link},
			}
			var streams []*stream
			for _, way := range ways {
				streams = append(streams, s.get(t, way[0], way[1:]...))
			}
			const reason = "what let you in has expired, or does not hold any more"
			ends := map[string]string{
				"text/event-stream":         "\n\nevent: auth_expired\ndata: {\"reason\":\"" + reason + "\"}\n\n",
				"application/x-ndjson":      "\n{\"type\":\"auth_expired\",\"reason\":\"" + reason + "\"}\n",
				"text/plain; charset=utf-8": "\n-- auth_expired: " + reason + "\n",
			}
			for i, st := range streams {
				got := st.rest()
				if late := time.Since(over); late < 0 || late > 15*time.Second {
					t.Errorf("%s ended %v after it was over", ways[i][0], late)
				}
				if st.status != 200 || !strings.HasSuffix(got, ends[st.header.Get("Content-Type")]) {
					t.Errorf("%s: %d %q", ways[i][0], st.status, got)
				}
				if again := s.get(t, ways[i][0], append(ways[i][1:], "Last-Event-ID", "1")...); again.status != 401 {
					t.Errorf("%s: who comes again: %d", ways[i][0], again.status)
				}
			}
			if n := figures(t)["caddyjobs_streams_ended_total{reason=auth expired}"] - before; n != float64(len(ways)) {
				t.Errorf("%v streams are counted as expired", n)
			}
			s.post(t, "hers", "two")
			lasts.until(`"two"`)
		})
	}
}

// TestExpireBlocked has a token expire while its client takes nothing of what
// its handler sends: the stream is cut at the next look, long before it counts
// as stalled, and none beside it on the connection.
func TestExpireBlocked(t *testing.T) {
	s := newSite(t, withHTTP2+often(sqliteStore), needing(withSecret))
	s.overHTTP2(64 << 10)
	s.post(t, "hers", "one")
	ended := figures(t)["caddyjobs_streams_ended_total{reason=auth expired}"]
	before := everyone.count()
	swift := s.get(t, "/jobs/hers/logs", "Authorization", "Bearer "+claimed(t, tokenSecret, nil))
	swift.until("caught_up")
	over := overIn()
	blocked := s.get(t, "/jobs/hers/logs", "Authorization", "Bearer "+claimed(t, tokenSecret, jwt.MapClaims{"exp": over.Unix()}))
	blocked.until("caught_up")
	for i := range 10 {
		s.post(t, "hers", strings.Repeat("x", 200_000), fmt.Sprint("part ", i))
		swift.until(fmt.Sprintf(`"part %d"`, i))
	}
	eventually(t, "the stream is cut", func() bool { return everyone.count() == before+1 })
	if n := figures(t)["caddyjobs_streams_ended_total{reason=auth expired}"] - ended; n != 1 {
		t.Errorf("%v streams count as expired", n)
	}
	s.put(t, "hers", "completed")
	if rest := swift.rest(); !strings.Contains(rest, "completed") {
		t.Errorf("the other stream ended with %q", rest)
	}
}
