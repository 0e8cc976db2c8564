package caddyjobs

import (
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// beside are two handlers at one path: only a matcher tells them apart, as the
// names of hosts tell apart sites.
func beside(first, second string) string {
	return "jobs_ingest\n@first header Site first\n@second header Site second\njobs_logs @first {\n" + first + "\n}\njobs_logs @second {\n" + second + "\n}\n"
}

// TestRulesBeside changes the rules of one of two handlers. No viewer is judged
// by the rules of the other one.
func TestRulesBeside(t *testing.T) {
	const open = ""
	closed := "tokens {\n audience logs\n " + withSecret + "\n}"
	for name, c := range map[string]struct{ before, after, end string }{
		"the other changes":  {beside(open, closed), beside(open, strings.Replace(closed, "logs", "others", 1)), toldAgain},
		"it is closed":       {beside(open, open), beside(closed, open), toldAgain},
		"they change places": {beside(open, closed), beside(closed, open), toldAgain},
		"nothing":            {beside(open, closed), beside(open, closed) + "respond next", goesOn},
		"one more, the same": {beside(open, open), beside(open, open) + "@third header Site third\njobs_logs @third\n", goesOn},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, often(sqliteStore), c.before+witness)
			s.post(t, "hers", "one")
			st := s.get(t, "/jobs/hers/logs", "Site", "first")
			st.until("caught_up")
			seen := s.get(t, "/witness/hers", "Cookie", "__Host-jobs="+claimed(t, tokenSecret, nil))
			seen.until("caught_up")
			s.load(t, often(sqliteStore), c.after)
			seen.rest()
			if c.end == goesOn {
				s.post(t, "hers", "two")
				st.until(`"two"`)
				s.put(t, "hers", "completed")
				st.until("complete")
			} else if got := st.rest(); !strings.Contains(got, c.end) {
				t.Errorf("it ended with %q", got)
			}
		})
	}
}

// TestRulesOfNames has two names for one store, and rules by each. Those of the
// one hold for its viewers, though nothing is changed, heartbeat after heartbeat.
func TestRulesOfNames(t *testing.T) {
	options := strings.Replace(often(sqliteStore), "jobs {", "jobs {\n store sqlite other {\n path {db}\n }", 1)
	s := newSite(t, options, "jobs_ingest\n@other header Site other\njobs_logs @other {\n store other\n}\n"+strings.TrimPrefix(needing(withSecret), "jobs_ingest\n"))
	s.post(t, "hers", "one")
	over := time.Now().Add(4 * time.Second).Truncate(time.Second)
	st := s.get(t, "/jobs/hers/logs", "Authorization", "Bearer "+claimed(t, tokenSecret, jwt.MapClaims{"exp": over.Unix()}))
	if got := st.rest(); !strings.Contains(got, toldOver) || time.Now().Before(over) {
		t.Errorf("%v before its token is over it ended with %q", time.Until(over), got)
	}
}
