package caddyjobs

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// often has permits looked at as often as can be.
func often(options string) string {
	return strings.Replace(options, "poll_interval", "heartbeat 1s\n poll_interval", 1)
}

// witness is a handler of whose viewers every one is dismissed by a config that
// does not have it: all others have been looked at, too.
const witness = "\njobs_logs {\n path /witness/{id}\n tokens {\n audience logs\n key HS256 `" + tokenSecret + "`\n }\n}\n"

// ruled is needing with a rule on top.
func ruled(rule, needing string) string {
	return strings.Replace(needing, "jobs_logs {", "jobs_logs {\n "+rule, 1)
}

const (
	goesOn    = ""
	toldOver  = "event: auth_expired\n"
	toldAgain = "event: bye\n"
)

// TestRevoked changes the rules under open streams by a reload. A heartbeat later
// those end that would not be let in any more, or are asked again; the others
// notice nothing.
func TestRevoked(t *testing.T) {
	const other = "key HS256 `another secret that signs tokens, of 46 bytes`"
	open, byToken := "jobs_ingest\njobs_logs", needing(withSecret)
	byUser, elsewhere := "owner {http.auth.user.id}", "path /api/{id}/logs"
	slow, keyed, linked := rare(owned), often(owned), often(withLinks(owned))
	rotated := strings.Replace(linked, "links ", "links `the next secret that signs links, 40 bytes` ", 1)
	replaced := strings.Replace(linked, linkSecret, "the next secret that signs links, 40 bytes", 1)
	const link, token, nothing = "link", "token", ""
	for name, c := range map[string]struct {
		options, body string // before
		after, then   string // the options and the body
		by            string // what the viewer has
		end           string // of its stream
		status        int    // for who comes again
	}{
		"nothing":              {linked, byToken, linked, byToken, token, goesOn, 200},
		"a key more":           {keyed, byToken, keyed, needing(other, withSecret), token, goesOn, 200},
		"the key removed":      {keyed, byToken, keyed, needing(other), token, toldOver, 401},
		"another audience":     {keyed, byToken, keyed, strings.Replace(byToken, "audience logs", "audience others", 1), token, toldOver, 401},
		"tokens needed":        {keyed, open, keyed, byToken, nothing, toldAgain, 401},
		"none needed":          {keyed, byToken, keyed, open, token, goesOn, 200},
		"an owner more":        {keyed, byToken, keyed, ruled(byUser, byToken), token, toldAgain, 200},
		"another owner":        {keyed, ruled(byUser, byToken), keyed, ruled("owner nobody", byToken), token, toldAgain, 404},
		"owner without tokens": {keyed, ruled(byUser, byToken), keyed, ruled(byUser, "jobs_ingest\njobs_logs {\n}"), token, toldAgain, 404},
		"handler removed":      {keyed, byToken, keyed, "jobs_ingest\nrespond next 299", token, toldAgain, 299},
		"open, removed":        {keyed, open, keyed, "jobs_ingest\nrespond next 299", nothing, toldAgain, 299},
		"open, moved":          {keyed, open, keyed, ruled(elsewhere, "jobs_ingest\njobs_logs {\n}\nrespond next 299"), nothing, goesOn, 299},
		"moved, tokens needed": {keyed, open, keyed, ruled(elsewhere, byToken) + "\nrespond next 299", nothing, toldAgain, 299},
		"job, tokens needed":   {keyed, open, keyed, ruled("job {http.request.uri.path.1}", byToken), nothing, toldAgain, 401},
		"a shorter heartbeat":  {slow, open, keyed, byToken, nothing, toldAgain, 401},
		"link, an owner more":  {linked, byToken, linked, ruled("owner nobody", byToken), link, goesOn, 200},
		"link key rotated":     {linked, byToken, rotated, byToken, link, goesOn, 200},
		"link key removed":     {linked, byToken, replaced, byToken, link, toldOver, 401},
		"no links":             {linked, byToken, keyed, byToken, link, toldOver, 401},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, c.options, c.body+witness)
			s.post(t, "hers", "one")
			give(t, s.db, map[string]string{"hers": "ann"})
			way := map[string][]string{
				nothing: {"/jobs/hers/logs", "X", ""}, link: {"/jobs/hers/logs?link=" + linkTo(t, "hers", time.Now().Add(time.Hour)), "X", ""},
				token: {"/jobs/hers/logs", "Authorization", "Bearer " + claimed(t, tokenSecret, nil)},
			}[c.by]
			st := s.get(t, way[0], way[1:]...)
			st.until("caught_up")
			seen := s.get(t, "/witness/hers", "Cookie", "__Host-jobs="+claimed(t, tokenSecret, nil))
			seen.until("caught_up")
			s.load(t, c.after, c.then)
			if got := seen.rest(); !strings.HasSuffix(got, toldAgain+"data: {}\n\n") {
				t.Fatalf("the witness ended with %q", got)
			}
			if c.end == goesOn {
				for _, v := range everyone.all(func(v *viewer) bool { return v.path == defaultPath && v.told.Load() != nil }) {
					t.Errorf("the stream is to end: %s", v.told.Load().why)
				}
				s.post(t, "hers", "two")
				st.until(`"two"`)
			} else if got := st.rest(); !strings.Contains(got, c.end) {
				t.Errorf("it ended with %q, want %q", got, c.end)
			}
			s.client.CloseIdleConnections() // the old config's
			if again := s.get(t, way[0], append(way[1:], "Last-Event-ID", "1")...); again.status != c.status {
				t.Errorf("who comes again: %d, want %d", again.status, c.status)
			}
		})
	}
}

// TestRevokedRow gives a job to somebody else: who watched it is told, and finds
// none the next time; who has a link goes on.
func TestRevokedRow(t *testing.T) {
	s := newSite(t, often(withLinks(owned)), ruled("owner {http.auth.user.id}", needing(withSecret)))
	s.post(t, "hers", "one")
	give(t, s.db, map[string]string{"hers": "ann"})
	token := "Bearer " + claimed(t, tokenSecret, nil)
	st, friend := s.get(t, "/jobs/hers/logs", "Authorization", token), s.get(t, "/jobs/hers/logs?link="+linkTo(t, "hers", time.Now().Add(time.Hour)))
	st.until("caught_up")
	friend.until("caught_up")
	give(t, s.db, map[string]string{"hers": "bob"})
	if got := st.rest(); !strings.Contains(got, toldOver) {
		t.Errorf("it ended with %q", got)
	}
	if again := s.get(t, "/jobs/hers/logs", "Authorization", token, "Last-Event-ID", "1"); again.status != 404 {
		t.Errorf("who comes again: %d", again.status)
	}
	bob := s.get(t, "/jobs/hers/logs", "Authorization", "Bearer "+claimed(t, tokenSecret, jwt.MapClaims{"sub": "bob"}))
	bob.until("caught_up")
	s.post(t, "hers", "two")
	friend.until(`"two"`)
	bob.until(`"two"`)
}
